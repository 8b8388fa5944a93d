// Package redislimittest tests redislimit on a Redis server and on a Redis Cluster. It is apart so that programs which
// use redislimit do not download what the tests need.
package redislimittest
