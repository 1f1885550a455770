package brokertest_test

// Faults and time, and faults that outlast their broker.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// A delay is as long as the bubble's clock says, and what comes after waits too.
func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		queues(mq, "q")
		ch := channel(t, mq)
		require.NoError(t, ch.Confirm(false))
		publish := func() *amqp091.DeferredConfirmation {
			c, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp091.Publishing{})
			require.NoError(t, err)
			return c
		}
		took := func(c *amqp091.DeferredConfirmation, do func()) time.Duration {
			begin := mq.Now()
			if do != nil {
				do()
			} else {
				<-c.Done()
			}
			return mq.Now().Sub(begin)
		}
		f := mq.Fault(brokertest.On("basic.publish").Nth(1), brokertest.Delay(time.Minute))
		first, second := publish(), publish()
		synctest.Wait()
		assert.Empty(t, mq.Ready("q"))
		assert.Equal(t, time.Minute, took(first, nil))
		assert.Zero(t, took(second, nil))
		f.Remove()

		f = mq.Fault(brokertest.On("confirm"), brokertest.Delay(5*time.Second))
		c := publish()
		synctest.Wait()
		assert.Len(t, mq.Ready("q"), 3, "it is there")
		assert.Equal(t, 5*time.Second, took(c, nil))
		f.Remove()

		mq.Fault(brokertest.On("basic.publish").Times(1), brokertest.Nack().After(time.Second))
		c = publish()
		assert.Equal(t, time.Second, took(c, nil))
		assert.False(t, c.Acked())

		mq.Fault(brokertest.On("deliver").Times(1), brokertest.Delay(time.Second))
		deliveries, err := ch.Consume("q", "", true, false, false, false, nil)
		require.NoError(t, err)
		assert.Equal(t, time.Second, took(nil, func() { <-deliveries }))

		mq.Fault(brokertest.On("login").Times(1), brokertest.Delay(time.Second))
		assert.Equal(t, time.Second, took(nil, func() { dial(t, mq) }).Round(time.Microsecond)) // connecting takes a little
	})
}

// With a manual clock a delay ends when the clock is moved, or the broker ends.
func TestFaultDelayOnManualClock(t *testing.T) {
	for name, dial := range networks {
		t.Run(name, func(t *testing.T) {
			mq := brokertest.New(t, brokertest.WithManualClock())
			f := mq.Fault(brokertest.On("channel.open"), brokertest.Delay(time.Hour))
			conn, err := dial(mq, "app")
			require.NoError(t, err)
			opened := make(chan error, 1)
			open := func() { _, err := conn.Channel(); opened <- err }
			go open()
			require.NoError(t, f.Wait(t.Context(), 1))
			mq.Advance(time.Hour - 1)
			assert.Empty(t, opened)
			mq.Advance(1)
			assert.NoError(t, <-opened)
			go open()
			require.NoError(t, f.Wait(t.Context(), 2))
			mq.Close()
			<-opened
		})
	}
}

// Faults last when the broker is started again.
func TestFaultsOutlastRestart(t *testing.T) {
	mq := brokertest.New(t, brokertest.Durable())
	f := mq.Fault(brokertest.On("channel.open").Nth(2), brokertest.CloseConnection(320, "again"))
	channel(t, mq)
	mq.Restart()
	_, err := dial(t, mq).Channel()
	assert.Error(t, err)
	assert.Equal(t, 1, f.Hits())
	mq.Crash()
	channel(t, mq)
	assert.Equal(t, []*brokertest.Fault{f}, mq.Faults())
	mq.ClearFaults()
	assert.Empty(t, mq.Faults())
}
