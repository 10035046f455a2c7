package httpapi_test

import (
	"testing"

	"go.uber.org/goleak"

	"userapi/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(storetest.Exit)) }
