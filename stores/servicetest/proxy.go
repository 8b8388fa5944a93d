package servicetest

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy stands between a program and a server and makes trouble on request. All methods may be called at
// any time, by any goroutine.
type Proxy struct {
	// Addr is where the program connects.
	Addr string

	target string
	mu     sync.Mutex
	cond   *sync.Cond
	l      net.Listener // nil while it refuses
	conns  map[net.Conn]struct{}
	hang   bool
	held   int // how many wait for the end of hang
	slow   time.Duration
	closed bool
	wg     sync.WaitGroup
}

// NewProxy starts a proxy to target, host and port, that ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{target: target, conns: map[net.Conn]struct{}{}}
	p.cond = sync.NewCond(&p.mu)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Addr = l.Addr().String()
	p.serve(l)
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.cond.Broadcast()
		p.mu.Unlock()
		p.Refuse()
		p.wg.Wait()
	})
	return p
}

// serve takes connections from l, in the background.
func (p *Proxy) serve(l net.Listener) {
	p.mu.Lock()
	p.l = l
	p.mu.Unlock()
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.pipe(c) })
		}
	})
}

func (p *Proxy) pipe(in net.Conn) {
	if !p.add(in) {
		return
	}
	defer p.remove(in)
	out, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil || !p.add(out) {
		return
	}
	defer p.remove(out)
	p.wg.Go(func() {
		p.copy(out, in)
		_ = out.Close()
	})
	p.copy(in, out)
}

func (p *Proxy) copy(dst io.Writer, src io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			p.pass()
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits as long as bytes are to be held up.
func (p *Proxy) pass() {
	p.mu.Lock()
	p.held++
	for p.hang && !p.closed {
		p.cond.Wait()
	}
	p.held--
	slow := p.slow
	p.mu.Unlock()
	if slow > 0 {
		time.Sleep(slow)
	}
}

func (p *Proxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.l == nil || p.closed {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) remove(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// Cut closes all connections, at once and in the middle of whatever they carry. New ones work.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}

// Cutting cuts again and again, until stop is called or the test ends.
func (p *Proxy) Cutting(t testing.TB, every time.Duration) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-over:
				return
			case <-time.After(every):
				p.Cut()
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		close(over)
		<-done
	})
	t.Cleanup(stop)
	return stop
}

// Refuse closes all connections and takes no more, as a server that was stopped.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	l := p.l
	p.l = nil
	p.mu.Unlock()
	if l != nil {
		_ = l.Close()
	}
	p.Cut()
}

// Hang holds up every byte, as a server that was paused. Connections are still taken.
func (p *Proxy) Hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hang = true
}

// Holds says whether bytes are held up.
func (p *Proxy) Holds() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held > 0
}

// Slow delays whatever passes by d.
func (p *Proxy) Slow(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slow = d
}

// Heal ends Refuse, Hang and Slow. What was held up arrives.
func (p *Proxy) Heal(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	p.hang, p.slow = false, 0
	p.cond.Broadcast()
	refusing := p.l == nil
	p.mu.Unlock()
	if !refusing {
		return
	}
	l, err := net.Listen("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	p.serve(l)
}
