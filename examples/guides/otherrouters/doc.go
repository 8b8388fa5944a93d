// Package otherrouters runs nguard behind chi and echo, as docs/guides/chi-echo.md shows. It has tests only,
// and nobody imports it, so that nobody downloads these routers with nguard.
package otherrouters
