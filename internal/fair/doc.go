// Package fair has a gate that lets a few requests in at the same time, and makes the others wait in
// a fair order.
//
// # Words
//
// A request has a turn, see [directory.Turn]: a list of keys, from general to particular, such as
// log-ins, network, account. The requests that wait form a tree of lines. On each level, the keys take
// turns: the next request comes from the key that has the fewest requests inside, and among these from
// the one that has waited longest since one of its requests left. Requests with the same keys go in the order in
// which they came. So however many requests a key sends, another key waits at most for one of them, on each level.
//
// A key may use all places if nobody else waits. Only requests that have the same Alone are never inside
// together.
//
// # Errors
//
// If too many wait, the newest request of the longest line is refused with
// [directory.CodeUnavailable]. That need not be the one that came last, so a key cannot use up the room of
// others. If ctx ends while a request waits, the error wraps the context's.
//
// # What never to do
//
//   - Do not enter a gate inside a gate: the outer place would be idle while the inner line waits.
//   - Do not make keys of what only one request has: they would be served as if they were all different clients.
package fair
