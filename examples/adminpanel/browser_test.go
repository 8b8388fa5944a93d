package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/nguard-go/nguard/stores/servicetest"
)

// patience is how long a page may take for what has no limit of its own.
const patience = 15 * time.Second

// chromium is one running browser. Its profiles share nothing.
type chromium struct{ ctx context.Context }

// browse starts the browser that NGUARD_TEST_CHROMIUM names.
func browse(t *testing.T) *chromium {
	t.Helper()
	path := os.Getenv("NGUARD_TEST_CHROMIUM")
	if path == "" {
		t.Skip("NGUARD_TEST_CHROMIUM is not set: it is the path of a Chromium, such as /usr/bin/chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.Flag("headless", "new"), chromedp.WindowSize(1440, 900),
		// No process for a tab that may come, and one for all tabs of a profile: starting them is most of the time.
		chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,SpareRendererForSitePerProcess"), chromedp.Flag("process-per-site", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return &chromium{ctx}
}

// profile is a browser of somebody: its tabs share cookies and locks.
type profile struct {
	t    *testing.T
	b    *chromium
	base string
	id   cdp.BrowserContextID
}

func (b *chromium) profile(t *testing.T, base string) *profile {
	return &profile{t: t, b: b, base: base}
}

// tab is a page. What its console and its security policy complain of fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	allowed  []string
	problems []string
	sent     map[network.RequestID]*sent
	order    []*sent
	held     map[string]chan decision
}

// decision is what becomes of a request that was held.
type decision func(ctx context.Context, id fetch.RequestID) error

// sent is a request of a tab.
type sent struct {
	path   string
	at     time.Duration // by the browser's clock: events may come late
	ended  bool
	status int64
}

// open opens a page of the panel and waits until it has something to show.
func (p *profile) open(hash string) *tab {
	p.t.Helper()
	option := chromedp.WithNewBrowserContext() // which ends with this tab
	if p.id != "" {
		option = chromedp.WithExistingBrowserContext(p.id)
	}
	ctx, cancel := chromedp.NewContext(p.b.ctx, option)
	w := &tab{t: p.t, ctx: ctx, sent: map[network.RequestID]*sent{}, held: map[string]chan decision{}}
	if err := chromedp.Listen(ctx, w.hear); err != nil {
		p.t.Fatal(err)
	}
	call(w, network.Enable, network.EnableParams{})
	p.id = chromedp.FromContext(ctx).BrowserContextID
	// Each page is as one that somebody looks at, however many there are.
	call(w, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.t.Cleanup(func() {
		cancel()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, problem := range w.problems {
			if !slices.ContainsFunc(w.allowed, func(one string) bool { return strings.Contains(problem, one) }) {
				p.t.Errorf("the console says: %s", problem)
			}
		}
	})
	w.run(chromedp.Navigate(p.base + "/" + hash))
	w.until(`document.querySelector("h1")`)
	return w
}

// hear keeps what happens in the tab.
func (w *tab) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		w.problems = append(w.problems, fmt.Sprint(e.ExceptionDetails.Text, " ", e.ExceptionDetails.Exception.Description))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, arg := range e.Args {
				words = append(words, arg.Description+string(arg.Value))
			}
			w.problems = append(w.problems, strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning || e.Entry.Source == log.EntrySourceSecurity {
			w.problems = append(w.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		s := &sent{path: e.Request.Method + " " + strings.SplitN(e.Request.URL, "/", 4)[min(3, strings.Count(e.Request.URL, "/"))], at: time.Duration(e.Timestamp.Float64() * float64(time.Second))}
		w.sent[e.RequestID] = s
		w.order = append(w.order, s)
	case *network.EventResponseReceived:
		if s := w.sent[e.RequestID]; s != nil {
			s.status = e.Response.Status
		}
	case *network.EventLoadingFinished:
		if s := w.sent[e.RequestID]; s != nil {
			s.ended = true
		}
	case *network.EventLoadingFailed:
		if s := w.sent[e.RequestID]; s != nil {
			s.ended = true
		}
	case *fetch.EventRequestPaused:
		for path, decide := range w.held {
			if strings.Contains(e.Request.URL, path) {
				go w.decide(e.RequestID, decide)
				return
			}
		}
		go w.try(e.RequestID, pass)
	}
}

// decide waits for the test to say what becomes of a request.
func (w *tab) decide(id fetch.RequestID, decide <-chan decision) {
	select {
	case what := <-decide:
		w.try(id, what)
	case <-w.ctx.Done():
	}
}

// try does what a tab that has been closed meanwhile does not do any more.
func (w *tab) try(id fetch.RequestID, what decision) {
	if err := what(w.ctx, id); err != nil && w.ctx.Err() == nil {
		w.t.Errorf("holding a request: %v", err)
	}
}

// hold keeps the requests to a path back, until the test says what becomes of each.
func (w *tab) hold(path string) chan<- decision {
	w.t.Helper()
	decide := make(chan decision)
	w.mu.Lock()
	w.held[path] = decide
	var all []*fetch.RequestPattern
	for path := range w.held {
		all = append(all, &fetch.RequestPattern{URLPattern: "*" + path + "*"})
	}
	w.mu.Unlock()
	call(w, fetch.Enable, fetch.EnableParams{Patterns: all})
	return decide
}

// pass lets a held request go to the server.
func pass(ctx context.Context, id fetch.RequestID) error {
	_, err := chromedp.Call(ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: id})
	return err
}

// fail is a request that never reaches the server.
func fail(ctx context.Context, id fetch.RequestID) error {
	_, err := chromedp.Call(ctx, fetch.FailRequest, fetch.FailRequestParams{RequestID: id, ErrorReason: network.ErrorReasonFailed})
	return err
}

// allow names what the console may say in this test: browsers log each answer of 4xx and 5xx there.
func (w *tab) allow(words ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = append(w.allowed, words...)
}

// requests are those of the tab to a path, such as "GET api/users".
func (w *tab) requests(path string) (list []sent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.order {
		if s.path == path {
			list = append(list, *s)
		}
	}
	return list
}

// call sends a command of the protocol.
func call[P, R any](w *tab, command cdp.Command[P, R], params P) R {
	w.t.Helper()
	result, err := chromedp.Call(w.ctx, command, params)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

func (w *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		w.t.Fatal(err)
	}
}

// get runs a script in the page and returns its result, a promise's when it is there.
func get[T any](w *tab, script string) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatalf("%v: %s", err, script[:min(len(script), 300)])
	}
	return result
}

// do runs a script for what it does.
func (w *tab) do(script string) {
	w.t.Helper()
	get[chromedp.Void](w, script)
}

// until waits until an expression is true in the page, and returns how long that took.
func (w *tab) until(expression string) time.Duration {
	w.t.Helper()
	begun, ok := time.Now(), false
	defer func() {
		if !ok {
			w.t.Log(get[string](w, `location.href + "\n" + document.body.innerText`))
		}
	}()
	servicetest.Until(w.t, expression, func() bool {
		// While a page is being loaded there is none to ask.
		is, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		ok = err == nil && is
		return ok
	})
	return time.Since(begun)
}

// shows is an expression that says whether the page shows words.
func shows(words string) string {
	return fmt.Sprintf("document.body.innerText.includes(%s)", quoted(words))
}

// menu is one that says whether the menu has an entry.
func menu(entry string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("nav a")].some((a) => a.textContent === %s)`, quoted(entry))
}

func quoted(words string) string {
	raw, err := json.Marshal(words)
	if err != nil {
		panic(err) // strings marshal
	}
	return string(raw)
}

// press clicks the first button or link with this name, when there is one that can be pressed.
func (w *tab) press(name string) {
	w.t.Helper()
	const find = `[...document.querySelectorAll("button, a")].find((b) => !b.disabled && (b.getAttribute("aria-label") ?? b.textContent.trim()).startsWith(%s))`
	at := fmt.Sprintf(find, quoted(name))
	w.until(at)
	w.do(at + ".click()")
}

// choose selects a value of the select with this label, as a person does.
func (w *tab) choose(label, value string) {
	w.t.Helper()
	at := fmt.Sprintf(`[...document.querySelectorAll("select")].find((s) => (s.getAttribute("aria-label") ?? s.labels[0]?.textContent ?? "").startsWith(%s))`, quoted(label))
	w.until(fmt.Sprintf("[...(%s)?.options ?? []].some((o) => o.value === %s)", at, quoted(value)))
	w.do(fmt.Sprintf(`{ const s = %s; s.value = %s; s.dispatchEvent(new Event("change", { bubbles: true })) }`, at, quoted(value)))
}

// front makes the page the one that keys go to.
func (w *tab) front() {
	w.t.Helper()
	call(w, page.BringToFront, cdp.Empty{})
}

// login types the credentials of somebody and waits for the panel.
func (w *tab) login(email string) {
	w.t.Helper()
	w.front()
	w.run(
		chromedp.SendKeys(chromedp.CSS(`input[name="email"]`), email),
		chromedp.SendKeys(chromedp.CSS(`input[name="password"]`), demoPassword()+"\r"),
	)
	w.until(`document.querySelector("nav")`)
}

// untilSignedOut waits for the login, with the reason in words.
func (w *tab) untilSignedOut(reason string) time.Duration {
	w.t.Helper()
	return w.until(`document.querySelector('input[name="password"]') && ` + shows(reason))
}

// at goes to a page of the panel.
func (w *tab) at(hash, title string) {
	w.t.Helper()
	w.do("location.hash = " + quoted(hash))
	w.until(fmt.Sprintf(`document.querySelector("h1")?.textContent === %s`, quoted(title)))
}

// picture keeps what the tab shows in the folder of NGUARD_TEST_SCREENSHOTS, if it is set.
func (w *tab) picture(name string) {
	w.t.Helper()
	folder := os.Getenv("NGUARD_TEST_SCREENSHOTS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(folder+"/"+name+".png", png, 0o600); err != nil {
		w.t.Error(err)
	}
}
