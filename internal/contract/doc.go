// Package contract tells programs what openapi.yaml says: whether it allows a request, and
// whether it describes an answer.
//
// The server checks requests with it, the tests check answers with it, and the command line
// checks the values that it stores. The package imports neither Echo nor a database nor
// testing, so that other servers and other test programs can use it, too.
//
// # Words
//
//   - A [Contract] is the document with everything that checks need prepared once.
//   - An [Operation] is one method on one path template, such as PUT on
//     /openapi/v1/users/{user_id}.
//   - A [Violation] is a request that the contract does not allow. Its [Code] says which kind
//     of problem to answer.
//   - A [Fault] is one thing that is wrong with a request, in a member of the body or in a
//     query parameter. A violation lists all its faults, up to [MaxFaults].
//   - An [Exchange] is one request with its answer.
//   - The form of a string is what its pattern means, in words. It is x-form in openapi.yaml.
//
// # Which way to take
//
// A server calls [CheckMediaType] before it reads a body, then [Operation.Check] with the body,
// then [Unmarshal] to fill its own type. A program that stores a value without a request calls
// [Contract.CheckValue]. A test program calls [Contract.CheckExchange]. A program in front of a server calls [Contract.Find].
//
// The checks must cover everything that openapi.yaml asks of requests. So [Load] fails if an
// operation contains something that no check covers, such as a parameter of an unknown kind: a
// contract that cannot be checked must not be served.
//
// No text that this package makes repeats a value from a request. The name of a member
// appears only in the pointer of a fault.
//
// The released versions of the contract are in testdata/released. They never change;
// 'make breaking' compares openapi.yaml with the newest of them.
package contract
