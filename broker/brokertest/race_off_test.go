//go:build !race

package brokertest_test

// raceDetector says that memory is not what it is without.
const raceDetector = false
