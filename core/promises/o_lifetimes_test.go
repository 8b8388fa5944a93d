package promises

import (
	"math"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

// That no lifetime at all is the default, which is a limit, is a case of adapters/adaptertest.
func TestO4_LifetimesThatMakeNoSense(t *testing.T) {
	store := memstore.New()
	const day = 24 * time.Hour
	for _, l := range []nguard.Lifetime{
		{Idle: -1}, {Absolute: -1}, {Remember: -1}, {RotateEvery: -1}, {Idle: math.MinInt64}, {Absolute: math.MinInt64},
		{Idle: math.MaxInt64}, {Absolute: math.MaxInt64}, {Remember: math.MaxInt64}, {RotateEvery: math.MaxInt64}, {Absolute: 11 * 365 * day},
		{Idle: 2 * day}, {Idle: 2 * time.Hour, Absolute: time.Hour}, {Absolute: 2 * day, Remember: day}, {RotateEvery: 1}, {RotateEvery: nguard.Grace}, {RotateEvery: time.Minute - 1},
	} {
		if _, err := nguard.New(nguard.Config{Store: store, Lifetime: l}); err == nil || !strings.Contains(err.Error(), "Lifetime") {
			t.Errorf("%+v: error %v", l, err)
		}
	}
	for _, l := range []nguard.Lifetime{{}, nguard.AAL1, nguard.AAL2, nguard.AAL3, {Absolute: 10 * 365 * day}, {Idle: time.Nanosecond}} {
		if _, err := nguard.New(nguard.Config{Store: store, Lifetime: l}); err != nil {
			t.Errorf("%+v: %v", l, err)
		}
	}
	for _, timeout := range []time.Duration{-1, math.MinInt64, math.MaxInt64, time.Hour} {
		if _, err := nguard.New(nguard.Config{Store: store, Timeout: timeout}); err == nil || !strings.Contains(err.Error(), "Timeout") {
			t.Errorf("Timeout %v: error %v", timeout, err)
		}
	}
	if _, err := nguard.New(nguard.Config{Store: store, MaxSessions: -1}); err == nil {
		t.Error("MaxSessions -1 was accepted")
	}
}
