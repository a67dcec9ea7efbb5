
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Tests;

public class SharedWorkTests
{
    [Fact]
    public void Where_nobody_waits_work_is_done_at_once()
    {
        SharedWork shared = new();
        int thread = 0;

        Assert.False(shared.IsWanted);
        Assert.True(shared.Give(() => thread = Environment.CurrentManagedThreadId).IsCompletedSuccessfully);

        Assert.Equal(Environment.CurrentManagedThreadId, thread);
    }

    [Fact]
    public async Task Who_waits_does_what_is_given_until_the_end()
    {
        SharedWork shared = new();
        int helperThread = 0, workThread = 0;
        Thread helper = new(() =>
        {
            helperThread = Environment.CurrentManagedThreadId;
            shared.Help();
        });
        helper.Start();
        for (int i = 0; i < 3; i++)
        {
            Assert.True(SpinWait.SpinUntil(() => shared.IsWanted, TimeSpan.FromMinutes(1)));
            await shared.Give(() => workThread = Environment.CurrentManagedThreadId);
            Assert.Equal(helperThread, workThread);
        }

        shared.End();

        Assert.True(helper.Join(TimeSpan.FromMinutes(1)));
        Assert.False(shared.IsWanted);
    }

    [Fact]
    public async Task What_goes_wrong_is_told_to_who_gave_it()
    {
        SharedWork shared = new();

        await Assert.ThrowsAsync<InvalidOperationException>(() => shared.Give(() => throw new InvalidOperationException()));
    }
}
