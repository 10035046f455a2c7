package conform

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"userapi/internal/contract"
)

// DefaultRequests is how many requests a run sends if nobody says otherwise.
const DefaultRequests = 1500

// Options is what a run needs to know.
type Options struct {
	URL      string                   // of the server, without the path of the contract
	Token    string                   // of a system administrator, made at the command line
	Requests int                      // about how many requests to send; 0: [DefaultRequests]
	Seed     uint64                   // the same seed sends the same requests, apart from what the server chooses
	Progress func(done, requests int) // nil: none
	Waiting  func(wait time.Duration) // is called before the run waits because the server asks for it; nil: none
}

// CannotJudgeError says why there is no Report.
type CannotJudgeError struct{ Reason string }

func (e *CannotJudgeError) Error() string { return e.Reason }

// run is one run against a server.
type run struct {
	ctx        context.Context
	options    Options
	base       string
	contract   *contract.Contract
	operations map[string]*Operation
	breakages  map[string][]Breakage
	client     *http.Client
	rng        *rand.Rand
	tally      *tally

	sent     int
	waited   atomic.Int64    // nanoseconds that the server has asked to wait
	silences int             // requests in a row without an answer
	err      error           // why the run has to end; no more requests are sent then
	muted    bool            // what follows may be the consequence of a fault
	touched  map[string]bool // the paths of the users in the requests since the story began

	world
}

// Run drives a server and judges it. It fails with a [*CannotJudgeError] if it cannot judge the server, and with the
// error of ctx if that ends. It always removes what it has made.
func Run(ctx context.Context, o Options) (Report, error) {
	report, err := judgeAll(ctx, o)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		report.Stopped = "the run was interrupted"
	default:
		report.Stopped = err.Error()
	}
	return report, err
}

func judgeAll(ctx context.Context, o Options) (Report, error) {
	c, err := contract.Load()
	if err != nil {
		return Report{}, err
	}
	if o.Requests == 0 {
		o.Requests = DefaultRequests
	}
	began := time.Now()
	r := &run{
		ctx: ctx, options: o, base: strings.TrimSuffix(o.URL, "/"), contract: c, client: newClient(),
		rng:        rand.New(rand.NewPCG(o.Seed, 0)), //nolint:gosec // a seed has to repeat the requests
		operations: map[string]*Operation{}, breakages: map[string][]Breakage{},
	}
	defer r.client.CloseIdleConnections()
	if err := CheckURL(o.URL); err != nil {
		return Report{}, &CannotJudgeError{err.Error()}
	}
	r.loadOperations()
	r.world, r.touched = newWorld(o.Token), map[string]bool{}
	r.judgeServer()
	report := Report{URL: r.base, Contract: c.Version(), Seed: o.Seed, Requests: r.sent}
	report.Left = r.remove()
	report.Took = time.Since(began)
	r.tally.fill(&report)
	if r.err != nil && errors.Is(r.err, errSilent) && len(report.Faults) > 0 {
		return report, nil // the fault says that the server has stopped to answer
	}
	return report, r.err
}

// errSilent ends a run whose server does not answer any more.
var errSilent = &CannotJudgeError{"the server does not answer any more"}

// CheckURL fails if a URL cannot be that of a server.
func CheckURL(base string) error {
	parsed, err := url.Parse(base)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Host == "" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return errors.New("the URL must be that of a server, such as http://127.0.0.1:8080")
	}
	if parsed.User != nil {
		return errors.New("the URL must not have a user or a password, because reports show it: write only the host, such as http://127.0.0.1:8080")
	}
	return nil
}

// IsLoopback reports whether a URL names this machine.
func IsLoopback(base string) bool {
	parsed, err := url.Parse(base)
	if err != nil {
		return false
	}
	host := parsed.Hostname()
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && net.IP(address.AsSlice()).IsLoopback()
}

func (r *run) loadOperations() {
	var all []Operation
	for _, o := range r.contract.Operations() {
		all = append(all, NewOperation(r.contract, o.Method, o.Path))
	}
	for i := range all {
		r.operations[all[i].ID()] = &all[i]
		r.breakages[all[i].ID()] = all[i].Breakages(r.contract)
	}
	r.tally = newTally(all)
}

// judgeServer sends all requests, until they are used up or the run has to end.
func (r *run) judgeServer() {
	if r.meet(); r.err != nil {
		return
	}
	if !r.setUp() {
		return
	}
	deck := &deck{r: r}
	for _, at := range r.rng.Perm(len(scenes)) {
		r.play(scenes[at].play)
		for range 7 {
			r.play(func(r *run) { r.sendBroken(deck.next()) })
		}
		r.play((*run).sendValid)
	}
	for !r.isOver() {
		switch r.rng.IntN(16) {
		case 0:
			r.play(scenes[r.rng.IntN(len(scenes))].play)
		case 1, 2, 3, 4, 5, 6, 7:
			r.play((*run).sendValid)
		default:
			r.play(func(r *run) { r.sendBroken(deck.next()) })
		}
	}
}

// deck has all ways to break a request of any operation. All of them are used before one is used again.
type deck struct {
	r    *run
	rest []card
}

type card struct {
	op       string
	breakage Breakage
}

func (d *deck) next() card {
	if len(d.rest) == 0 {
		for op, breakages := range sorted(d.r.breakages) {
			for _, b := range breakages {
				d.rest = append(d.rest, card{op, b})
			}
		}
		d.r.rng.Shuffle(len(d.rest), func(i, j int) { d.rest[i], d.rest[j] = d.rest[j], d.rest[i] })
	}
	first := d.rest[0]
	d.rest = d.rest[1:]
	return first
}

// scene tests some rules.
type scene struct {
	name string
	play func(r *run)
}

// play plays a scene unless the requests are used up.
func (r *run) play(story func(r *run)) {
	if r.isOver() {
		return
	}
	r.muted, r.touched = false, map[string]bool{}
	story(r)
	if r.muted {
		r.settle()
	}
}

func (r *run) isOver() bool { return r.err != nil || r.sent >= r.options.Requests }

// marker returns a text that no other run uses, for the names of what this run makes.
func (r *run) marker(attempt int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "userapi conform %d %d", r.options.Seed, attempt))
	return hex.EncodeToString(sum[:6])
}

// send sends a request and judges the answer by the rules of every answer. The operation is "" for a path outside the contract.
func (r *run) send(operation, as, token string, request Request) exchange {
	x := exchange{operation: operation, as: as, token: token, request: request}
	r.sendTogether([]*exchange{&x})
	return x
}

// sendTogether sends requests at the same moment, and judges the answers in the order of the requests.
func (r *run) sendTogether(all []*exchange) {
	if r.err != nil {
		return
	}
	failed := make([]error, len(all))
	var running sync.WaitGroup
	for i, x := range all {
		r.sent++
		x.number = r.sent
		if name, ok := x.request.Members["nick_name"].(string); ok {
			r.names[name] = true
		}
		running.Go(func() { failed[i] = r.exchange(r.ctx, x) })
	}
	running.Wait()
	if r.options.Progress != nil {
		r.options.Progress(r.sent, r.options.Requests)
	}
	for i, x := range all {
		if failed[i] != nil {
			*x = exchange{number: x.number, operation: x.operation, as: x.as, token: x.token, request: x.request}
			r.noAnswer(*x, failed[i])
			continue
		}
		r.silences = 0
		r.touch(x.request)
		for _, before := range x.waits {
			r.judge(before)
		}
		r.judge(*x)
	}
}

// userInRequest finds the number of a user in a path or a body.
var userInRequest = regexp.MustCompile(`(?:users/|administrators/|"user_id":"?)([0-9]+)`)

// touch notes the user whom a request names.
func (r *run) touch(request Request) {
	if request.Method == http.MethodGet || request.Method == http.MethodHead {
		return
	}
	for _, match := range userInRequest.FindAllStringSubmatch(request.Path+" "+request.Content(), -1) {
		r.touched[basePath+"users/"+match[1]] = true
	}
}

// exchange sends a request again if the server says so.
func (r *run) exchange(ctx context.Context, x *exchange) error {
	x.owner = r.options.Token
	for range maxWaits {
		if err := ctx.Err(); err != nil {
			return err
		}
		inFlight, end := outlive(ctx)
		err := exchangeOnce(inFlight, r.client, r.base, x)
		end()
		if err != nil {
			return err
		}
		wait, asked := x.retryAfter()
		if !asked {
			return nil
		}
		before := *x
		before.waits, x.waits = nil, append(x.waits, before)
		if err := r.wait(ctx, wait); err != nil {
			return err
		}
	}
	return &CannotJudgeError{fmt.Sprintf("the server has answered %d to %s %s %d times", x.status, x.request.Method, x.request.Path, maxWaits)}
}

// wait waits as long as a server asks, and fails if all waits of the run together are too long.
func (r *run) wait(ctx context.Context, wait time.Duration) error {
	if r.waited.Add(int64(wait)) > int64(mostWaiting) {
		return &CannotJudgeError{fmt.Sprintf("the server asks to wait for more than %.0f minutes altogether: raise its rate limit, or send fewer requests", mostWaiting.Minutes())}
	}
	if r.options.Waiting != nil && wait > 0 {
		r.options.Waiting(wait)
	}
	return sleep(ctx, wait)
}

// lastAnswer is how long a run that is stopped waits for the answer to its last request. The request may create a user, who
// has to be removed, too.
const lastAnswer = 3 * time.Second

// outlive returns a context that ends lastAnswer after ctx. The caller must call end.
func outlive(ctx context.Context) (longer context.Context, end func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(lastAnswer, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

// noAnswer ends the run if ctx has ended or the server does not answer any more.
func (r *run) noAnswer(x exchange, err error) {
	if r.ctx.Err() != nil {
		r.err = r.ctx.Err()
		return
	}
	if busy, ok := errors.AsType[*CannotJudgeError](err); ok {
		r.err = busy
		return
	}
	r.fault(x, ruleAnswer, "an answer", causeOf(err))
	if r.silences++; r.silences == maxSilences {
		r.err = errSilent
	}
	r.muted = true
}

// causeOf returns an error without the address that was asked.
func causeOf(err error) string {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		if failed.Timeout() {
			return "no answer within a minute"
		}
		err = failed.Err
	}
	return err.Error()
}

// judge judges an answer by the rules of every answer.
func (r *run) judge(x exchange) {
	result := r.tally.of(x.operation)
	result.Requests++
	if x.succeeded() {
		result.Succeeded++
	}
	var operation *Operation
	if o := r.operations[x.operation]; o != nil && (x.request.Method == o.Method || (x.request.Method == http.MethodHead && o.Method == http.MethodGet)) {
		operation = o
	}
	for _, j := range judge(r.contract, operation, x) {
		r.tally.check(x.operation, j.rule.name)
		if j.wanted != "" {
			r.fault(x, j.rule, j.wanted, j.got)
		}
	}
	r.judgeSecrets(x)
}

// fault reports a fault whatever came before.
func (r *run) fault(x exchange, broken rule, wanted, got string) {
	line := broken.line(r.contract, x.operation, fmt.Sprint(x.status))
	r.tally.add(Fault{
		Operation: x.operation, Rule: broken.name, Curl: curl(r.base, x), Wanted: r.shown(x, wanted), Line: line,
		Got: r.shown(x, got), Request: x.number,
	})
}

// mostOfText is how many characters of a text of the server a report shows.
const mostOfText = 600

// shown makes a text that a server has a part in fit for a report: no secret, not long, and one line.
func (r *run) shown(x exchange, text string) string {
	x.owner = r.options.Token
	return oneLine(shorten(x.hide(text), mostOfText))
}

// want reports a fault unless ok, and returns ok. Only the first fault of a scene is reported, because the others may
// be its consequences.
func (r *run) want(x exchange, by rule, ok bool, wanted, got string) bool {
	ok = r.aside(x, by, ok, wanted, got)
	if !ok {
		r.muted = true
	}
	return ok
}

// aside is want for something that has no consequences.
func (r *run) aside(x exchange, by rule, ok bool, wanted, got string) bool {
	if r.err != nil || x.status == 0 || r.muted {
		return false
	}
	r.tally.check(x.operation, by.name)
	if !ok {
		r.fault(x, by, wanted, got)
	}
	return ok
}

// wantStatus wants an answer with this status and, if it is not "", this code of the problem.
func (r *run) wantStatus(x exchange, by rule, status int, code string) bool {
	wanted := fmt.Sprintf("%d", status)
	ok := x.status == status
	if code != "" && x.request.Method != http.MethodHead {
		wanted += " " + code
		ok = ok && x.object()["code"] == code
	}
	return r.want(x, by, ok, wanted, x.text())
}

// wantFault wants a problem with a fault of this code at this place, among others.
func (r *run) wantFault(x exchange, by rule, place, code string) {
	var places []string
	for _, f := range faultsOf(x) {
		if f.place() == place && f.code == code {
			r.aside(x, by, true, "", "")
			return
		}
		places = append(places, f.place()+" "+f.code)
	}
	r.aside(x, by, false, fmt.Sprintf("a fault %s at %q", code, place), fmt.Sprintf("faults %q in %s", places, x.text()))
}
