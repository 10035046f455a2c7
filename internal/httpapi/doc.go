// Package httpapi serves the contract over HTTP with Echo: it turns requests into calls of the
// directory, and results and failures into answers.
//
// # Words
//
//   - An exchange is one request with what the server knows about it: its id, the client's
//     address, the principal, the body. It is also the context of the request.
//   - A route is a path and a method that Echo serves. The generated code registers the routes;
//     [Server.Handler] fails if they differ from the operations of the contract.
//   - A problem is an error answer (RFC 9457). A fault is one entry of its errors member.
//   - A probe is a path for machines that watch the server, such as /readyz.
//
// # The way of a request
//
// The middleware begins an exchange and calls serve, which takes these steps in the order of
// the statuses that they can end with: token (401), rate limit (429), the check against the
// contract (415, 413, 400, 422), the generated handler. The handler calls a method of
// [Server], one for each operation, in the file that is named after its noun. This method
// converts the generated request, calls the directory once, and converts the result. Rules and
// decisions about users belong in the directory. The only exceptions are the 304 and the 412 of
// GetUser.
//
// # Errors
//
// Everything returns errors. One function, classify, turns an error into a code: a
// *directory.Error or a *contract.Violation keeps its code, and an unknown error is
// internal_error. One table, problems, gives each code its status and its words. One function,
// writeProblem, writes error answers; it is also the only one that logs failures.
//
// # What must never be done
//
//   - Register a route by hand below /openapi/v1: it would not be checked.
//   - Write a client's value into an answer, a log line or a metric label. The only exceptions are the ids by which
//     the log finds a request in the logs of others, which have a strict form.
//   - Decide about permissions here: roles change while a request waits, so the directory
//     decides inside the unit.
//   - Import the store or the hasher.
package httpapi
