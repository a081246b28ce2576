package driver

import "time"

// AskUntil asks until the answer is the expected one: another node, or the same one, may know later of what was changed.
// After ten seconds the last answer is taken as it is; an error is taken at once.
func AskUntil[A comparable](expected A, ask func() (A, error)) (A, error) {
	end := time.Now().Add(10 * time.Second)
	for {
		answer, err := ask()
		if err != nil || answer == expected || time.Now().After(end) {
			return answer, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
