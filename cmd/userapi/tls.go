package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// tlsSettings turn on HTTPS at --listen.
type tlsSettings struct {
	TLSCert *string `name:"tls-cert" env:"USERAPI_TLS_CERT" placeholder:"FILE" help:"File in PEM with the certificate for HTTPS and those of its issuers; it is read again when it changes (default: none, which means HTTP)."`
	TLSKey  *string `name:"tls-key" env:"USERAPI_TLS_KEY" placeholder:"FILE" help:"File in PEM with the key of the certificate; it is read again when it changes (default: none)."`

	keyPair *keyPair // checkTLS fills it; nil: HTTP
}

// checkTLS reads the certificate and its key.
func (s *tlsSettings) checkTLS(fault addFault) {
	const certificate, key = "USERAPI_TLS_CERT or --tls-cert", "USERAPI_TLS_KEY or --tls-key"
	if s.TLSCert == nil && s.TLSKey == nil {
		return
	}
	isNamed := func(name, what string, file *string) bool {
		if file == nil || *file == "" {
			fault(name, "name the file that has %s: HTTPS needs both", what)
			return false
		}
		return true
	}
	hasCertificate := isNamed(certificate, "the certificate", s.TLSCert)
	if hasKey := isNamed(key, "the key of the certificate", s.TLSKey); !hasKey || !hasCertificate {
		return
	}
	p := &keyPair{certificateFile: *s.TLSCert, keyFile: *s.TLSKey}
	p.seen = p.look()
	var failed *keyPairError
	switch err := p.load(); {
	case errors.As(err, &failed) && failed.inKey:
		fault(key, "%w", err)
	case err != nil:
		fault(certificate, "%w", err)
	}
	s.keyPair = p
}

// tlsConfig returns how the public listener uses TLS, or nil if it does not.
func (s *tlsSettings) tlsConfig() *tls.Config {
	if s.keyPair == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.keyPair.current.Load(), nil },
	}
}

// stopSignals returns the signals that end the server.
func (s *tlsSettings) stopSignals() []os.Signal {
	if s.keyPair == nil {
		return stopSignals()
	}
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM}
}

// watchKeyPair reads the certificate and its key again when they have changed, and after each SIGHUP, until ctx
// ends. The signal no longer ends the server.
func (s *tlsSettings) watchKeyPair(ctx context.Context, logger *slog.Logger) error {
	if s.keyPair == nil {
		return nil
	}
	s.keyPair.warn(logger)
	signal.Ignore(syscall.SIGHUP) // only so is it taken away from main, which would end the server
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP) // until the process ends: without it, the signal would end a server that stops
	ticker := time.NewTicker(keyPairPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-hangUp:
			s.keyPair.seen, s.keyPair.changed = s.keyPair.look(), false
			s.keyPair.reload(logger)
		case <-ticker.C:
			if s.keyPair.settled() {
				s.keyPair.reload(logger)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// keyPairPeriod is how often a server looks whether the certificate or its key has changed.
const keyPairPeriod = time.Second

// keyPair is a certificate and its key.
type keyPair struct {
	certificateFile, keyFile string
	current                  atomic.Pointer[tls.Certificate]
	seen                     keyPairState // when settled looked last
	changed                  bool         // seen differs from what was read
}

// keyPairState tells whether the files have changed. A file that cannot be looked at is nil.
type keyPairState struct{ certificate, key os.FileInfo }

func (p *keyPair) look() (state keyPairState) {
	state.certificate, _ = os.Stat(p.certificateFile)
	state.key, _ = os.Stat(p.keyFile)
	return state
}

// isSame reports whether a file has not changed.
func isSame(before, now os.FileInfo) bool {
	if before == nil || now == nil {
		return before == nil && now == nil
	}
	return os.SameFile(before, now) && before.ModTime().Equal(now.ModTime()) && before.Size() == now.Size()
}

// settled reports whether the files have changed, but not since the last call: a program that renews them replaces
// one after the other.
func (p *keyPair) settled() bool {
	before := p.seen
	p.seen = p.look()
	if !isSame(before.certificate, p.seen.certificate) || !isSame(before.key, p.seen.key) {
		p.changed = true
		return false
	}
	settled := p.changed
	p.changed = false
	return settled
}

// keyPairError says which of the two files cannot be used. It never contains anything of the key.
type keyPairError struct {
	inKey bool // the certificate can be read
	err   error
}

func (e *keyPairError) Error() string { return e.err.Error() }

func (e *keyPairError) Unwrap() error { return e.err }

// load reads the files. If it fails, the old certificate stays in use.
func (p *keyPair) load() error {
	certificate, err := os.ReadFile(p.certificateFile)
	if err != nil {
		return &keyPairError{err: fmt.Errorf("the certificate cannot be read: %w", err)}
	}
	key, err := os.ReadFile(p.keyFile)
	if err != nil {
		return &keyPairError{inKey: true, err: fmt.Errorf("the key of the certificate cannot be read: %w", err)}
	}
	loaded, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return &keyPairError{err: fmt.Errorf("the certificate in %s and the key in %s cannot be used together: %w", p.certificateFile, p.keyFile, err)}
	}
	p.current.Store(&loaded)
	return nil
}

// reload reads the files and logs whether that has succeeded.
func (p *keyPair) reload(logger *slog.Logger) {
	if err := p.load(); err != nil {
		logger.Error("the certificate was not read again: the old one stays in use", "error", err)
		return
	}
	logger.Info("the certificate was read again", "file", p.certificateFile, "valid_until", p.current.Load().Leaf.NotAfter)
	p.warn(logger)
}

// warn logs what is unusual about the certificate in use and its key.
func (p *keyPair) warn(logger *slog.Logger) {
	leaf, now := p.current.Load().Leaf, time.Now()
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		logger.Warn("clients refuse the certificate, because it has expired or is not valid yet",
			"file", p.certificateFile, "valid_from", leaf.NotBefore, "valid_until", leaf.NotAfter)
	}
	const others fs.FileMode = 0o007
	if info, err := os.Stat(p.keyFile); err == nil && info.Mode()&others != 0 {
		logger.Warn("all users of this machine may use the file with the key of the certificate: run 'chmod o= FILE'", "file", p.keyFile)
	}
}

// serveOn serves HTTPS if the server has a TLS configuration, otherwise HTTP.
func serveOn(server *http.Server, listener net.Listener) error {
	if server.TLSConfig != nil {
		return server.ServeTLS(listener, "", "")
	}
	return server.Serve(listener)
}
