package access_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/access"
)

// PERSIST-19: the first hash is from RabbitMQ's documentation, the others are Erlang's crypto's.
func TestHashesAreRabbitMQs(t *testing.T) {
	for _, c := range []struct {
		password, hash string
		by             access.Hashing
	}{
		{"test12", "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", access.SHA256},
		{"geheim", "AQIDBNVX9N3wxUq3kDEG/rMyp3KyDMfef3prLFRqhCYaUiUXWl8fRKg91Kj9q/sWMXcyY1gTVIv+SaGXFgHpwbj12Zs=", access.SHA512},
		{"geheim", "AQIDBMXz4KiYxW384IUXfaRUfFg=", access.MD5},
	} {
		assert.True(t, access.CheckPassword(c.password, c.hash, c.by))
		assert.False(t, access.CheckPassword(c.password+"x", c.hash, c.by))
	}
}

func TestHashPasswordIsChecked(t *testing.T) {
	for _, by := range []access.Hashing{"", access.SHA256, access.SHA512} {
		hash, err := access.HashPassword("secret", by)
		require.NoError(t, err)
		again, err := access.HashPassword("secret", by)
		require.NoError(t, err)
		assert.NotEqual(t, hash, again, "salted")
		if by == "" {
			by = access.SHA256
		}
		assert.True(t, access.CheckPassword("secret", hash, by))
		assert.False(t, access.CheckPassword("Secret", hash, by))
		assert.False(t, access.CheckPassword("", hash, by))
		assert.Len(t, hash, map[access.Hashing]int{access.SHA256: 48, access.SHA512: 92}[by])
	}
	_, err := access.HashPassword("secret", access.MD5)
	assert.Error(t, err)
}

func TestHashWithoutSenseLetsNobodyIn(t *testing.T) {
	blank, err := access.HashPassword("", access.SHA256)
	require.NoError(t, err)
	for _, hash := range []string{"", "x", "AAAA", "AAAAAA==", "not base64!", blank} {
		for _, password := range []string{"", "x"} {
			assert.False(t, access.CheckPassword(password, hash, access.SHA256), "%q %q", password, hash)
		}
	}
}

func TestParseHashing(t *testing.T) {
	by, err := access.ParseHashing("")
	require.NoError(t, err)
	assert.Equal(t, access.MD5, by)
	_, err = access.ParseHashing("rot13")
	assert.ErrorContains(t, err, "rot13")
}

// people is an authenticator that knows passwords, and says which of them it was asked.
type people struct {
	name      string
	passwords map[string]string
	asked     *[]string
	fail      error
}

func (p people) Login(_ context.Context, c access.Credentials) (access.Identity, error) {
	*p.asked = append(*p.asked, p.name+" login "+c.User)
	if p.fail != nil {
		return access.Identity{}, p.fail
	}
	if password, ok := p.passwords[c.User]; !ok || !c.Checked && password != c.Password {
		return access.Identity{}, &access.LoginError{User: c.User, Reason: "no"}
	}
	return access.Identity{User: c.User, Tags: []string{p.name}, Backend: p.name}, nil
}

func (p people) EnterVHost(_ context.Context, id access.Identity, vhost string, _ net.Addr) error {
	*p.asked = append(*p.asked, p.name+" vhost "+vhost+" "+id.Backend.(string))
	return nil
}

func (p people) UseResource(_ context.Context, id access.Identity, r access.Resource, op access.Operation) error {
	*p.asked = append(*p.asked, p.name+" "+string(op)+" "+r.Name)
	return nil
}

func (p people) UseTopic(_ context.Context, id access.Identity, x access.Resource, key string, op access.Operation) error {
	*p.asked = append(*p.asked, p.name+" topic "+key)
	return nil
}

func TestChainAsksTheNextAndKeepsToWhoLetIn(t *testing.T) {
	ctx := context.Background()
	var asked []string
	first := people{name: "first", passwords: map[string]string{"ann": "1"}, asked: &asked}
	second := people{name: "second", passwords: map[string]string{"ann": "2", "bob": "3"}, asked: &asked}
	broken := people{name: "broken", asked: &asked, fail: errors.New("away")}
	c := access.Chain(access.Stage{Authentication: first}, access.Stage{Authentication: broken}, access.Stage{Authentication: second})

	id, err := c.Login(ctx, access.Credentials{User: "ann", Password: "2"}) // AUTHHTTP-19: a refusal and a failure go on
	require.NoError(t, err)
	assert.True(t, id.HasTag("second"))
	require.NoError(t, c.EnterVHost(ctx, id, "/", nil))
	require.NoError(t, c.UseResource(ctx, id, access.Resource{Name: "q"}, access.Read))
	require.NoError(t, c.UseTopic(ctx, id, access.Resource{Name: "x"}, "k", access.Write))
	assert.Equal(t, []string{
		"first login ann", "broken login ann", "second login ann", "second vhost / second", "second read q", "second topic k",
	}, asked)

	_, err = c.Login(ctx, access.Credentials{User: "bob", Password: "x"})
	var refused *access.LoginError
	assert.ErrorAs(t, err, &refused)
}

func TestChainWithTwoAuthenticatorsInAStage(t *testing.T) {
	ctx := context.Background()
	var asked []string
	passwords := people{name: "passwords", passwords: map[string]string{"ann": "1", "bob": "2"}, asked: &asked}
	rights := people{name: "rights", passwords: map[string]string{"ann": ""}, asked: &asked}
	c := access.Chain(access.Stage{Authentication: passwords, Authorization: rights})

	id, err := c.Login(ctx, access.Credentials{User: "ann", Password: "1"})
	require.NoError(t, err)
	assert.Equal(t, []string{"passwords"}, id.Tags, "AUTHHTTP-20: the tags are those of the first")
	require.NoError(t, c.EnterVHost(ctx, id, "/", nil))
	assert.Equal(t, "rights vhost / rights", asked[len(asked)-1])

	_, err = c.Login(ctx, access.Credentials{User: "bob", Password: "2"})
	assert.Error(t, err, "AUTHHTTP-20: a user that the second does not know")
}
