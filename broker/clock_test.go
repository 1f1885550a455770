package broker_test

// What a connection does when time passes. Each test runs in a synctest bubble:
// synctest.Wait returns when the broker has done all that it can do at the
// present moment of the manual clock, so that "nothing happened" is a fact.

import (
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// underClock runs a test in a bubble, with a broker on a manual clock.
func underClock(t *testing.T, cfg broker.Config, test func(t *testing.T, b *broker.Broker, clock *delay.Manual)) {
	synctest.Test(t, func(t *testing.T) {
		clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		cfg.Clock = clock
		cfg.ConsumerTimeout = -1                      // its timer is not among those that the tests count
		cfg.SendTimeout = cmp.Or(cfg.SendTimeout, -1) // nor is this one
		b, err := broker.New(cfg)
		require.NoError(t, err)
		test(t, b, clock)
		assert.NoError(t, b.Close())
		assert.Zero(t, clock.Pending(), "no timer is left behind")
	})
}

// pass lets time pass, once the broker has done what is due now, and the broker
// do what that makes due.
func pass(clock *delay.Manual, d time.Duration) {
	synctest.Wait()
	clock.Advance(d)
	synctest.Wait()
}

// arrived returns the frames that have come so far, and whether the connection
// has ended behind them. It waits for nothing.
func (c *rawClient) arrived() (frames []frame, ended bool) {
	c.t.Helper()
	synctest.Wait()
	for {
		// Every goroutine of the bubble is idle: a read that finds nothing
		// makes its time jump to the deadline.
		f, err := c.read()
		switch {
		case err == nil:
			frames = append(frames, f)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return frames, false
		default:
			require.ErrorIs(c.t, err, io.EOF)
			return frames, true
		}
	}
}

func (c *rawClient) assertSilent() {
	c.t.Helper()
	frames, ended := c.arrived()
	assert.Empty(c.t, frames)
	assert.False(c.t, ended, "the connection has ended")
}

func (c *rawClient) assertEnded() {
	c.t.Helper()
	frames, ended := c.arrived()
	assert.Empty(c.t, frames)
	assert.True(c.t, ended, "the connection is still there")
}

// assertHeartbeats checks that n heartbeats and nothing else have come.
func (c *rawClient) assertHeartbeats(n int) {
	c.t.Helper()
	frames, ended := c.arrived()
	assert.False(c.t, ended, "the connection has ended")
	assert.Len(c.t, frames, n)
	for _, f := range frames {
		assert.Equal(c.t, frame{amqp.FrameHeartbeat, 0, []byte{}}, f)
	}
}

// CONN-33: the first heartbeat comes after half the interval, whatever was sent
// before; then one for each half interval in which nothing else was sent, the
// heartbeat before it included.
func TestHeartbeatsAreSent(t *testing.T) {
	underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		c := rawOpen(t, b, 10)
		pass(clock, 5*time.Second-1)
		c.assertSilent()
		pass(clock, 1)
		c.assertHeartbeats(1)

		for range 5 { // an idle connection gets one an interval
			c.write(amqp.AppendHeartbeat(nil))
			pass(clock, 10*time.Second)
			c.assertHeartbeats(1)
		}

		c.channel(1) // something was sent: no heartbeat is needed
		pass(clock, 5*time.Second)
		c.assertSilent()
	})
}

// CONN-34: received bytes are looked at once an interval; the second look in a
// row that finds nothing new drops the connection silently.
func TestSilentClientIsDropped(t *testing.T) {
	const interval = 10 * time.Second
	for _, tc := range []struct {
		name  string
		quiet time.Duration // from open to the client's last byte
		after time.Duration // from open to the drop
	}{
		{"silent from the start", 0, 3 * interval}, // the look at T sees the handshake
		{"last heard just before a look", 2*interval - 1, 4 * interval},
		{"last heard just after a look", 2*interval + 1, 5 * interval},
	} {
		t.Run(tc.name, func(t *testing.T) {
			underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
				c := rawOpen(t, b, uint16(interval/time.Second))
				pass(clock, tc.quiet)
				if tc.quiet > 0 {
					c.write([]byte{amqp.FrameHeartbeat}) // any byte counts, a whole frame or not
				}
				pass(clock, tc.after-tc.quiet-1)
				_, ended := c.arrived()
				assert.False(t, ended, "dropped too early")
				pass(clock, 1)
				c.assertEnded()
				assert.Empty(t, b.Snapshot().Connections)
				silence := tc.after - tc.quiet
				assert.True(t, 2*interval <= silence && silence <= 3*interval, "2T to 3T: %v", silence)
			})
		})
	}
}

func TestClientThatSpeaksIsKept(t *testing.T) {
	underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		c := rawOpen(t, b, 10)
		for range 100 {
			pass(clock, 10*time.Second)
			c.write(amqp.AppendHeartbeat(nil))
			_, ended := c.arrived()
			require.False(t, ended)
		}
	})
}

// A heartbeat of 0 is none, either way (CONN-25).
func TestNoHeartbeat(t *testing.T) {
	underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		c := rawOpen(t, b, 0)
		pass(clock, 1000*time.Hour)
		c.assertSilent()
		assert.Zero(t, clock.Pending())
	})
}

// CONN-6: who does not get to connection.open in time is dropped without a
// frame, at whichever step, however busily it dawdles.
func TestHandshakeTimeout(t *testing.T) {
	for _, tc := range []struct {
		name string
		say  func(c *rawClient)
	}{
		{"nothing", func(*rawClient) {}},
		{"half a header", func(c *rawClient) { c.write([]byte("AMQP")) }},
		{"a header", func(c *rawClient) {
			c.write([]byte(amqp.ProtocolHeader))
			expect[*amqp.ConnectionStart](c)
		}},
		{"a login", func(c *rawClient) {
			c.write([]byte(amqp.ProtocolHeader))
			c.send(0, startOk("guest", "guest"))
			expect[*amqp.ConnectionStart](c)
			expect[*amqp.ConnectionTune](c)
		}},
		{"all but open", func(c *rawClient) {
			c.write([]byte(amqp.ProtocolHeader))
			c.send(0, startOk("guest", "guest"), &amqp.ConnectionTuneOk{ChannelMax: 10, FrameMax: 4096, Heartbeat: 60})
			expect[*amqp.ConnectionStart](c)
			expect[*amqp.ConnectionTune](c)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
				c := rawDial(t, b)
				tc.say(c)
				pass(clock, 10*time.Second-1)
				c.assertSilent()
				pass(clock, 1)
				c.assertEnded()
			})
		})
	}
}

// A slow-loris sends a byte now and then: each is progress, and none buys time.
func TestHandshakeTimeoutOfSlowLoris(t *testing.T) {
	underClock(t, broker.Config{HandshakeTimeout: 20 * time.Second}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		c := rawDial(t, b)
		login := amqp.AppendMethod([]byte(amqp.ProtocolHeader), 0, startOk("guest", "guest"))
		for _, octet := range login[:19] {
			c.write([]byte{octet})
			pass(clock, time.Second)
		}
		frames, ended := c.arrived()
		require.Len(t, frames, 1)
		assert.IsType(t, &amqp.ConnectionStart{}, frames[0].method(t))
		assert.False(t, ended)
		c.write(login[19:20])
		pass(clock, time.Second)
		c.assertEnded()
	})
}

// The handshake's time is over once the connection is open.
func TestHandshakeTimeoutEndsWithOpen(t *testing.T) {
	underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		c := rawOpen(t, b, 60)
		pass(clock, 20*time.Second)
		c.assertSilent()
		c.channel(1)
	})
}

// CONN-16, CONN-32: a refusal that the client could not understand is silence
// for three seconds, then the end.
func TestRefusalInSilence(t *testing.T) {
	for _, tc := range []struct {
		name string
		say  func(c *rawClient)
	}{
		{"wrong password", func(c *rawClient) { c.send(0, startOk("guest", "wrong")) }},
		{"unknown user", func(c *rawClient) { c.send(0, startOk("nobody", "guest")) }},
		{"unknown mechanism", func(c *rawClient) {
			c.send(0, &amqp.ConnectionStartOk{Mechanism: "EXTERNAL", Locale: "en_US"})
		}},
		{"method out of order", func(c *rawClient) { c.send(0, &amqp.ConnectionOpen{VirtualHost: "/"}) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
				c := rawDial(t, b)
				c.write([]byte(amqp.ProtocolHeader))
				expect[*amqp.ConnectionStart](c)
				tc.say(c)
				c.assertSilent()
				c.send(0, startOk("guest", "guest")) // too late
				pass(clock, 3*time.Second-1)
				c.assertSilent()
				pass(clock, 1)
				c.assertEnded()
			})
		})
	}
}

// CONN-15: a client with the capability is told.
func TestRefusalInWords(t *testing.T) {
	underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		c := rawDial(t, b)
		c.write([]byte(amqp.ProtocolHeader))
		expect[*amqp.ConnectionStart](c)
		c.send(0, startOk("guest", "wrong", "authentication_failure_close"))
		assert.Equal(t, &amqp.ConnectionClose{
			ReplyCode: 403,
			ReplyText: "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. " +
				"For details see the broker logfile.",
		}, expect[*amqp.ConnectionClose](c))
		pass(clock, 3*time.Second)
		c.assertEnded()
	})
}

// A connection.close that is never answered ends after the heartbeat interval,
// 30 s at most (CONN-70); until then nothing but close-ok is understood.
func TestCloseThatIsNotAnswered(t *testing.T) {
	for _, tc := range []struct {
		heartbeat uint16
		after     time.Duration
	}{{0, 30 * time.Second}, {7, 7 * time.Second}, {60, 30 * time.Second}} {
		underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
			c := rawOpen(t, b, tc.heartbeat)
			c.channel(1)
			c.send(1, &amqp.ChannelOpen{}) // CONN-61: the channel is open already
			assert.EqualValues(t, 504, expect[*amqp.ConnectionClose](c).ReplyCode)
			c.send(1, &amqp.BasicQos{})
			pass(clock, tc.after-1)
			c.assertSilent()
			pass(clock, 1)
			c.assertEnded()
		})
	}
}

// CONN-18: the user guest is let in from this machine only.
func TestGuestIsLetInFromLoopbackOnly(t *testing.T) {
	for _, tc := range []struct {
		name string
		from net.Addr
		cfg  broker.Config
		ok   bool
	}{
		{"IPv4 loopback", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}, broker.Config{}, true},
		{"IPv6 loopback", &net.TCPAddr{IP: net.IPv6loopback}, broker.Config{}, true},
		{"another machine", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, broker.Config{}, false},
		{"another machine, IPv6", &net.TCPAddr{IP: net.ParseIP("2001:db8::1")}, broker.Config{}, false},
		{"allowed", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, broker.Config{GuestFromAnywhere: true}, true},
		{"another user", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)},
			broker.Config{DefaultUser: "app", DefaultPassword: "guest"}, true},
		{"no network", &net.UnixAddr{Name: "/run/x"}, broker.Config{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			underClock(t, tc.cfg, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
				near, far := broker.Pipe()
				served := make(chan error, 1)
				go func() { served <- b.ServeConn(withPeer{far, tc.from}) }()
				c := newRawClient(t, near)
				c.write([]byte(amqp.ProtocolHeader))
				expect[*amqp.ConnectionStart](c)
				user := tc.cfg.DefaultUser
				if user == "" {
					user = "guest"
				}
				c.send(0, startOk(user, "guest"))
				if tc.ok {
					expect[*amqp.ConnectionTune](c)
					return
				}
				c.assertSilent()
				pass(clock, 3*time.Second)
				c.assertEnded()
				assert.NoError(t, <-served)
			})
		})
	}
}

// withPeer is a connection that says it comes from elsewhere.
type withPeer struct {
	net.Conn
	from net.Addr
}

func (c withPeer) RemoteAddr() net.Addr { return c.from }

// A peer's clock of its own: an hour of the broker's time is no silence of the
// client's.
func TestHeartbeatsKeepThePeersTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		b, err := broker.New(broker.Config{Clock: clock, PeerClock: delay.Real{}})
		require.NoError(t, err)
		c := rawOpen(t, b, 10)
		pass(clock, time.Hour)
		require.NoError(t, delay.Wait(t.Context(), delay.Real{}, 5*time.Second))
		f, err := c.read()
		require.NoError(t, err)
		assert.Equal(t, frame{amqp.FrameHeartbeat, 0, []byte{}}, f)
		require.NoError(t, b.Close())
	})
}
