package cookietest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
)

func init() { gin.SetMode(gin.ReleaseMode) }

// adapters serve a guard with the settings that each framework has by default, and return the address.
var adapters = map[string]func(t *testing.T, g *nguard.Guard) string{
	"nethttp": func(t *testing.T, g *nguard.Guard) string {
		s := httptest.NewServer(httpguard.Sessions(g)(httpguard.Endpoints(g)(http.NotFoundHandler())))
		t.Cleanup(s.Close)
		return s.URL
	},
	"gin": func(t *testing.T, g *nguard.Guard) string {
		e := gin.New()
		e.Use(ginguard.Sessions(g), ginguard.Endpoints(g))
		s := httptest.NewServer(e)
		t.Cleanup(s.Close)
		return s.URL
	},
	"fiber": func(t *testing.T, g *nguard.Guard) string {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- app.Listener(listener) }()
		t.Cleanup(func() {
			if err := app.Shutdown(); err != nil {
				t.Error(err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
		return "http://" + listener.Addr().String()
	},
}

// ordinary is what a browser sends with every request.
var ordinary = map[string]string{
	"User-Agent":         "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	"Accept":             "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
	"Accept-Language":    "en-GB,en;q=0.9,de;q=0.8",
	"Accept-Encoding":    "gzip, deflate, br, zstd",
	"Referer":            "https://app.example.com/dashboard/reports",
	"Sec-Ch-Ua":          `"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"`,
	"Sec-Ch-Ua-Mobile":   "?0",
	"Sec-Ch-Ua-Platform": `"Windows"`,
	"Sec-Fetch-Site":     "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty",
	"Priority": "u=1, i",
}

// The largest session that the store seals by default reaches every adapter with its default settings:
// fiber takes 4096 bytes of headers in all.
func TestC6_LargestCookie(t *testing.T) {
	s := open(t)
	b := s.login("ann")
	b.fill(4096)
	if n := len(b.value()); n > 3072 || n < 3060 {
		t.Fatalf("the largest cookie has %d bytes", n)
	}
	for name, serve := range adapters {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest("GET", serve(t, s.guard)+"/api/auth/session", nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range ordinary {
				r.Header.Set(name, v)
			}
			r.Header.Set("Cookie", cookieName+"="+b.value())
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			http.DefaultClient.CloseIdleConnections()
			if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"ann"`) {
				t.Errorf("got %d: %s", resp.StatusCode, body)
			}
		})
	}
}

// Several cookies, and their removal, on every adapter.
func TestC15_Adapters(t *testing.T) {
	s := open(t, large)
	b := s.login("ann")
	b.ok(b.do("POST", "/keep", strings.Repeat("x", 5000)))
	line := lineOf(b.cookies())
	for name, serve := range adapters {
		if name == "fiber" {
			continue // takes no header of this size unless it is told to
		}
		t.Run(name, func(t *testing.T) {
			url := serve(t, s.guard)
			for _, try := range []struct {
				cookies string
				status  int
				lines   int
			}{{line, http.StatusOK, 0}, {line[:len(line)-1], http.StatusUnauthorized, len(parts)}} {
				r, err := http.NewRequest("GET", url+"/api/auth/session", nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Sec-Fetch-Site", "same-origin")
				r.Header.Set("Cookie", try.cookies)
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				http.DefaultClient.CloseIdleConnections()
				if n := len(resp.Header.Values("Set-Cookie")); resp.StatusCode != try.status || n != try.lines {
					t.Errorf("got %d and %d cookies, want %d and %d", resp.StatusCode, n, try.status, try.lines)
				}
			}
		})
	}
	t.Run("fiber", func(t *testing.T) {
		app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadBufferSize: 16 << 10})
		app.Use(fiberguard.Sessions(s.guard), fiberguard.Endpoints(s.guard))
		for _, try := range []struct {
			cookies string
			status  int
			lines   int
		}{{line, http.StatusOK, 0}, {line[:len(line)-1], http.StatusUnauthorized, len(parts)}} {
			r := httptest.NewRequest("GET", "/api/auth/session", nil)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("Cookie", try.cookies)
			resp, err := app.Test(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if n := len(resp.Header.Values("Set-Cookie")); resp.StatusCode != try.status || n != try.lines {
				t.Errorf("got %d and %d cookies, want %d and %d", resp.StatusCode, n, try.status, try.lines)
			}
		}
	})
}
