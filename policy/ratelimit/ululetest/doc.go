// Package ululetest tests and measures package ratelimit against ulule/limiter's own memory store.
// Nobody imports it, so that nobody who uses ratelimit downloads what that store's tests need.
package ululetest
