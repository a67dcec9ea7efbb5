using Cifar10Ps.Data;

namespace Cifar10Ps.Tests;

public sealed class MinimumRateTests
{
    private readonly HurriedClock _clock = new();

    [Theory]
    [InlineData(30_000, false)]
    [InlineData(29_999, true)]
    public void A_window_of_too_few_bytes_is_missed(int bytes, bool isMissed)
    {
        MinimumRate rate = new(_clock);

        Assert.False(rate.IsMissed(bytes));
        _clock.Pass(TimeSpan.FromSeconds(29));
        Assert.False(rate.IsMissed(0));
        _clock.Pass(TimeSpan.FromSeconds(1));

        Assert.Equal(isMissed, rate.IsMissed(0));
    }

    [Fact]
    public void What_came_in_one_window_does_not_count_in_the_next()
    {
        MinimumRate rate = new(_clock);

        _clock.Pass(TimeSpan.FromSeconds(40));
        Assert.False(rate.IsMissed(1_000_000));
        _clock.Pass(TimeSpan.FromSeconds(40));

        Assert.True(rate.IsMissed(39_999));
    }
}
