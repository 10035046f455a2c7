// Package needcgo stops a build without cgo with a sentence. Package sqlite imports it, so
// the compiler reports this sentence instead of what package sqlite would lack.
package needcgo
