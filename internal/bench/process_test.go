package main

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
)

// Cleaning up stops a server that a failed measurement has stopped already.
func TestStopMayBeCalledAgain(t *testing.T) {
	listening := httptest.NewServer(http.NotFoundHandler())
	defer listening.Close()
	p, err := startProcess(t.Context(), exec.CommandContext(t.Context(), "sleep", "3600"), listening.Listener.Addr().String(), "/", http.StatusNotFound)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}
}
