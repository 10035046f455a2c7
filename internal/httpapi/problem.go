package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"userapi/gen/api"
	"userapi/internal/contract"
	"userapi/internal/directory"
)

// requestError is a failure that this package finds. Failures of the directory are of type
// *directory.Error. Err is for the log only.
type requestError struct {
	Code       api.ProblemCode
	Detail     string // "": the detail in problems
	Faults     []api.Fault
	RetryAfter time.Duration // 0: the value in problems
	Refusal    directory.Refusal
	Err        error
}

func (e *requestError) Error() string { return fmt.Sprintf("%s: %v", e.Code, e.Err) }

func (e *requestError) Unwrap() error { return e.Err }

// problem is how the server answers a code: the status, and the texts for a person.
type problem struct {
	status        int
	title, detail string
	fault         api.FaultCode // of the members that a *directory.Error names
	hint          string        // what to do about such a member
	header        map[string]string
}

// problems has every code of the contract.
var problems = map[api.ProblemCode]problem{
	api.ProblemCodeMalformedJSON: {
		status: http.StatusBadRequest, title: "Malformed JSON",
		detail: "Send one JSON text in UTF-8 without duplicate members.",
	},
	api.ProblemCodeMalformedHeader: {
		status: http.StatusBadRequest, title: "Malformed header",
		detail: "Send the header in the form that its RFC defines.",
	},
	api.ProblemCodeUnauthenticated: {
		status: http.StatusUnauthorized, title: "Unauthenticated",
		detail: "Send a valid token: Authorization: Bearer TOKEN.",
		header: map[string]string{echo.HeaderWWWAuthenticate: "Bearer"},
	},
	api.ProblemCodeInvalidCredentials: {
		status: http.StatusUnauthorized, title: "Invalid credentials",
		detail: "No active user has this name and password. Check both and try again.",
		header: map[string]string{echo.HeaderWWWAuthenticate: "Bearer"},
	},
	api.ProblemCodeForbidden: {
		status: http.StatusForbidden, title: "Forbidden",
		detail: "Your role does not allow this. Nothing was changed.",
		fault:  api.FaultCodeNotAllowed, hint: "You may not set this member, or not to this value.",
	},
	api.ProblemCodeReauthenticationRequired: {
		status: http.StatusForbidden, title: "Reauthentication required",
		detail: "This needs a log-in of the last 15 minutes. Nothing was changed; log in again first.",
	},
	api.ProblemCodeNotFound: {
		status: http.StatusNotFound, title: "Not found",
		detail: "There is no such path, or no such user that you may see. Check the path and the id of the user.",
	},
	api.ProblemCodeMethodNotAllowed: {
		status: http.StatusMethodNotAllowed, title: "Method not allowed",
		detail: "Use one of the methods in the Allow header.",
	},
	api.ProblemCodeEmailTaken: {
		status: http.StatusConflict, title: "E-mail address taken",
		detail: "Another user has this e-mail address. Nothing was changed.",
		fault:  api.FaultCodeTaken, hint: "Send another value.",
	},
	api.ProblemCodeNickNameTaken: {
		status: http.StatusConflict, title: "Name taken",
		detail: "Another user of the enterprise has this name. Nothing was changed.",
		fault:  api.FaultCodeTaken, hint: "Send another value.",
	},
	api.ProblemCodeOwnAccount: {
		status: http.StatusConflict, title: "Own account",
		detail: "You cannot do this to your own account. Nothing was changed; ask another administrator.",
		fault:  api.FaultCodeNotAllowed, hint: "Leave this member out.",
	},
	api.ProblemCodeLastAdministrator: {
		status: http.StatusConflict, title: "Last administrator",
		detail: "The enterprise has no other active administrator. Nothing was changed; appoint another one first.",
		fault:  api.FaultCodeNotAllowed, hint: "Leave this member out.",
	},
	api.ProblemCodeEnterpriseMismatch: {
		status: http.StatusConflict, title: "Enterprise mismatch",
		detail: "The user belongs to another enterprise. Nothing was changed.",
		fault:  api.FaultCodeMismatch, hint: "Send the user's enterprise.",
	},
	api.ProblemCodeSystemAdministrator: {
		status: http.StatusConflict, title: "System administrator",
		detail: "The user is a system administrator and has the rights of an administrator already. Nothing was changed.",
	},
	api.ProblemCodeOperatorToken: {
		status: http.StatusConflict, title: "Operator's token",
		detail: "This token is set in the server's settings. Nothing was changed; to revoke it, start the server without it.",
	},
	api.ProblemCodePreconditionFailed: {
		status: http.StatusPreconditionFailed, title: "Precondition failed",
		detail: "The user's version does not meet If-Match or If-None-Match. Nothing was changed; read the user and the ETag again.",
	},
	api.ProblemCodeContentTooLarge: {
		status: http.StatusRequestEntityTooLarge, title: "Content too large",
		detail: "Send a body of at most 64 KiB.",
	},
	api.ProblemCodeUnsupportedMediaType: {
		status: http.StatusUnsupportedMediaType, title: "Unsupported media type",
		detail: "Send Content-Type: application/json, with charset=utf-8 or none, and no Content-Encoding.",
	},
	api.ProblemCodeInvalidRequest: {
		status: http.StatusUnprocessableEntity, title: "Invalid request",
		detail: "Correct the faults listed in errors. Nothing was changed.",
	},
	api.ProblemCodeTooManyRequests: {
		status: http.StatusTooManyRequests, title: "Too many requests",
		detail: "There were too many requests. Nothing was changed; try again after Retry-After seconds.",
		header: map[string]string{echo.HeaderRetryAfter: "1"},
	},
	api.ProblemCodeInternalError: {
		status: http.StatusInternalServerError, title: "Internal error",
		detail: "The server failed. Report this problem with its request_id.",
	},
	api.ProblemCodeUnavailable: {
		status: http.StatusServiceUnavailable, title: "Unavailable",
		detail: "The server is busy or stopping. Nothing was changed; try again after Retry-After seconds.",
		header: map[string]string{echo.HeaderRetryAfter: "1"},
	},
}

// statusClientClosedRequest is the status in logs and metrics if the client left before the
// answer. No client receives it. The number is nginx's.
const statusClientClosedRequest = 499

// clientLeft reports whether the request failed because the client left, perhaps while its answer was written. A
// stopping server also cancels requests, but with [ErrStopping] as the cause.
func clientLeft(ctx context.Context, err error, answering bool) bool {
	if _, broken := errors.AsType[*net.OpError](err); broken {
		return true
	}
	canceled := errors.Is(err, context.Canceled) || answering && ctx.Err() != nil // HTTP/2 has errors of its own
	return canceled && !errors.Is(context.Cause(ctx), ErrStopping)
}

// ErrStopping is the cause with which a stopping server cancels the requests that still wait.
// They are answered 503.
var ErrStopping = errors.New("the server stops")

// classify returns the code of an error, and what else the answer says about it.
func classify(err error) *requestError {
	if wire, ok := errors.AsType[*requestError](err); ok {
		return wire
	}
	if domain, ok := errors.AsType[*directory.Error](err); ok {
		return classifyDomain(domain)
	}
	if violation, ok := errors.AsType[*contract.Violation](err); ok {
		return classifyViolation(violation)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &requestError{Code: api.ProblemCodeUnavailable, Err: err}
	}
	if routed, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch routed.Code {
		case http.StatusNotFound:
			return &requestError{Code: api.ProblemCodeNotFound}
		case http.StatusMethodNotAllowed:
			return &requestError{Code: api.ProblemCodeMethodNotAllowed}
		}
	}
	return &requestError{Code: api.ProblemCodeInternalError, Err: err}
}

// classifyDomain keeps the directory's code, and turns its fields into faults.
func classifyDomain(err *directory.Error) *requestError {
	code := api.ProblemCode(err.Code)
	described, ok := problems[code]
	if !ok {
		return &requestError{Code: api.ProblemCodeInternalError, Err: err}
	}
	classified := &requestError{Code: code, RetryAfter: err.RetryAfter, Refusal: err.Refusal, Err: err.Err}
	for _, field := range err.Fields {
		classified.Faults = append(classified.Faults, api.Fault{
			Pointer: "/" + string(field), Code: described.fault, Detail: described.hint,
		})
	}
	return classified
}

// classifyViolation keeps the contract's codes and faults.
func classifyViolation(v *contract.Violation) *requestError {
	classified := &requestError{Code: api.ProblemCode(v.Code), Detail: v.Detail, Err: v}
	for _, fault := range v.Faults {
		answered := api.Fault{Pointer: fault.Pointer, Code: api.FaultCode(fault.Code), Detail: fault.Detail}
		if fault.Parameter != "" {
			answered.Parameter = &fault.Parameter
		}
		classified.Faults = append(classified.Faults, answered)
	}
	return classified
}

// writeProblem answers an error (RFC 9457). It is Echo's error handler: every error of
// every path ends here.
func (s *Server) writeProblem(err error, c echo.Context) {
	failure := classify(err)
	described := problems[failure.Code]
	ctx, header := c.Request().Context(), c.Response().Header()
	x := exchangeFrom(ctx)
	if clientLeft(ctx, err, c.Response().Committed) {
		defer func() { c.Response().Status = statusClientClosedRequest }()
	} else {
		x.problem = failure.Code
		s.meters.countRefusal(x, failure)
		if described.status >= http.StatusInternalServerError {
			s.logFailure(x, failure)
		}
	}
	if c.Response().Committed {
		return
	}
	body := api.Problem{
		Type:      "urn:userapi:problem:" + string(failure.Code),
		Title:     described.title,
		Status:    described.status,
		Detail:    described.detail,
		Code:      failure.Code,
		RequestID: x.requestID,
		Errors:    failure.Faults,
	}
	if failure.Detail != "" {
		body.Detail = failure.Detail
	}
	if body.Errors == nil {
		body.Errors = []api.Fault{}
	}
	for name, value := range described.header {
		header.Set(name, value)
	}
	if failure.RetryAfter > 0 {
		header.Set(echo.HeaderRetryAfter, strconv.FormatFloat(math.Ceil(failure.RetryAfter.Seconds()), 'f', 0, 64))
	}
	header.Set(echo.HeaderContentType, "application/problem+json")
	if err := sendProblem(c.Response(), body, x.refusedLogIn); err != nil {
		s.Logger.LogAttrs(ctx, slog.LevelDebug, "the client left before its answer",
			slog.String("request_id", x.requestID))
	}
}

// sendProblem writes an answer. If now is true, it is on its way when sendProblem returns, and not only when the
// handler does. So what the log says about a refused log-in cannot delay its answer.
func sendProblem(w *echo.Response, body api.Problem, now bool) error {
	if !now {
		w.WriteHeader(body.Status)
		return encodeProblem(w, body)
	}
	var text bytes.Buffer
	if err := encodeProblem(&text, body); err != nil {
		return err
	}
	w.Header().Set(echo.HeaderContentLength, strconv.Itoa(text.Len())) // else the answer would be chunked
	w.WriteHeader(body.Status)
	if _, err := w.Write(text.Bytes()); err != nil {
		return err
	}
	return http.NewResponseController(w.Writer).Flush()
}

func encodeProblem(w io.Writer, body api.Problem) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // people read the answer, too
	return encoder.Encode(body)
}
