package password

import (
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// spellings returns what the hash of a password may have been made of, in the order to try. The
// first one is what a new hash is made of: the password as OpaqueString (RFC 8265 §4.2), so that the
// keyboard makes no difference. Older hashes were made of the password in Unicode NFC, which keeps
// spaces outside ASCII. It is the only one if the password is no OpaqueString. The number does not
// depend on the hash, so the time of a log-in tells nothing about the account.
func spellings(password string) []string {
	composed := norm.NFC.String(password)
	prepared, err := precis.OpaqueString.String(password)
	if err != nil || prepared == composed {
		return []string{composed}
	}
	return []string{prepared, composed}
}
