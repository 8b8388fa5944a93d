// Package redistest tests redisstore on a Redis server and on a Redis Cluster. It is apart so that programs which
// use redisstore do not download what the tests need.
package redistest
