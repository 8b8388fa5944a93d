// Package scstest runs the suite for stores, and outages, on scsstore with backends of scs: its own in
// memory, PostgreSQL and Redis. It is tests only: nobody imports it, so that whoever uses scsstore downloads
// no driver.
package scstest
