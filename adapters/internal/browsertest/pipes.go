package browsertest

import (
	"io"
	"net"
	"time"
)

// Pipes is a listener of connections in memory, for a server in a bubble of testing/synctest, where time is
// given. What is written waits until it is read: there are no buffers between.
type Pipes chan net.Conn

// Dial opens a connection.
func (p Pipes) Dial() net.Conn {
	client, server := net.Pipe()
	p <- server
	return client
}

// Accept is net.Listener's.
func (p Pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

// Close ends Accept, once.
func (p Pipes) Close() error {
	close(p)
	return nil
}

// Addr is no address.
func (p Pipes) Addr() net.Addr { return &net.TCPAddr{} }

// Fill writes until that fails, and returns how long it took.
func Fill(w io.Writer) time.Duration {
	start := time.Now()
	for block := make([]byte, 64<<10); ; {
		if _, err := w.Write(block); err != nil {
			return time.Since(start)
		}
	}
}
