package access

import (
	"cmp"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
)

// A User is an account.
type User struct {
	Name string
	// PasswordHash is salt and digest in base64, as RabbitMQ has them (PERSIST-19). With
	// "" nobody can log in with a password, which leaves certificates (CONN-20).
	PasswordHash string
	// Hashing is the algorithm of the hash; "" is MD5, as in accounts of very old
	// versions.
	Hashing Hashing
	Tags    []string
	// Limits are on MaxConnections and MaxChannels.
	Limits Limits
}

// Limits are upper bounds by name, those that are set. A negative one is no bound.
type Limits map[string]int

// Names of limits.
const (
	MaxConnections = "max-connections" // of a user or a virtual host
	MaxChannels    = "max-channels"    // of a user, over all its connections
	MaxQueues      = "max-queues"      // of a virtual host
)

// A Permission lets a user into a virtual host, and says what names it may configure,
// write and read: each is a regular expression, not anchored. "" is no name at all
// (PERM-1).
type Permission struct {
	User, VHost            string
	Configure, Write, Read string
}

// A TopicPermission restricts the routing keys that a user may publish to a topic
// exchange (Write) or bind to it (Read). {username} and {vhost} in the expressions
// stand for the names, which are not quoted (PERM-13). Without one any key may be used
// (PERM-11).
type TopicPermission struct {
	User, VHost, Exchange string
	Write, Read           string
}

// Hashing is the name of a way to hash passwords.
type Hashing string

// The ways to hash passwords. MD5 is for accounts that come from very old versions;
// nothing is hashed with it any more.
const (
	SHA256 Hashing = "rabbit_password_hashing_sha256"
	SHA512 Hashing = "rabbit_password_hashing_sha512"
	MD5    Hashing = "rabbit_password_hashing_md5"
)

const saltSize = 4

// HashPassword hashes a password with a new salt, with SHA256 if by is "". It fails for
// MD5 and for what is not known.
func HashPassword(password string, by Hashing) (string, error) {
	by = cmp.Or(by, SHA256)
	if by != SHA256 && by != SHA512 {
		return "", fmt.Errorf("access: passwords cannot be hashed with %q", by)
	}
	salted := make([]byte, saltSize, saltSize+len(password))
	rand.Read(salted)
	return base64.StdEncoding.EncodeToString(by.digest(salted, password)), nil
}

// digest appends the digest of salt and password to the salt.
func (by Hashing) digest(salt []byte, password string) []byte {
	salt = salt[:saltSize:saltSize]
	salted := append(salt, password...)
	switch by {
	case SHA512:
		sum := sha512.Sum512(salted)
		return append(salt, sum[:]...)
	case SHA256:
		sum := sha256.Sum256(salted)
		return append(salt, sum[:]...)
	}
	sum := md5.Sum(salted)
	return append(salt, sum[:]...)
}

// CheckPassword reports whether a password is that of a hash. It takes the same time for
// every password of a length, whatever the hash. A blank password, a blank hash, and one
// that makes no sense let nobody in.
func CheckPassword(password, hash string, by Hashing) bool {
	stored, err := base64.StdEncoding.DecodeString(hash)
	if err != nil || len(stored) < saltSize {
		stored = make([]byte, saltSize) // compares with nothing, and takes as long
	}
	digest := by.digest(stored, password)
	return subtle.ConstantTimeCompare(stored, digest) == 1 && password != ""
}

// ParseHashing returns the way to hash of that name; "" is MD5, as in accounts of very
// old versions.
func ParseHashing(name string) (Hashing, error) {
	switch by := Hashing(cmp.Or(name, string(MD5))); by {
	case SHA256, SHA512, MD5:
		return by, nil
	}
	return "", fmt.Errorf("unknown password hashing algorithm %q", name)
}
