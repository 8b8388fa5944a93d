// Package house holds the tests of how this repository is built: who may import whom, what each package
// makes its users download, which cryptography is used, what stands where, and that the documents say
// what the code does. It has nothing but tests, which read the tree and run the go command; they need
// no service and no network.
//
// After a wanted change of weight, write the golden files anew:
//
//	go test ./core/promises/house -update
package house
