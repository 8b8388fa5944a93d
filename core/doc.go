// Package nguard is the engine of nguard: sessions that can be updated safely, role policies, audit
// and rate limits for any Go web service, whatever its framework.
package nguard
