
using Cifar10Ps.Training;

namespace Cifar10Ps.Tests;

public class ScheduleTests
{
    /// <summary>Peak 0.5, 1,000 steps.</summary>
    [Theory]
    [InlineData(Schedule.OneCycle, 0, 0.5 / 25)]
    [InlineData(Schedule.OneCycle, 150, (0.5 + 0.5 / 25) / 2)] // halfway up
    [InlineData(Schedule.OneCycle, 300, 0.5)]
    [InlineData(Schedule.OneCycle, 650, 0.25)] // halfway down
    [InlineData(Schedule.OneCycle, 1_000, 0)]
    [InlineData(Schedule.Cosine, 0, 0.5)]
    [InlineData(Schedule.Cosine, 500, 0.25)]
    [InlineData(Schedule.Cosine, 1_000, 0)]
    [InlineData(Schedule.Linear, 0, 0.5 / 25)]
    [InlineData(Schedule.Linear, 50, (0.5 + 0.5 / 25) / 2)]
    [InlineData(Schedule.Linear, 100, 0.5)]
    [InlineData(Schedule.Linear, 550, 0.25)]
    [InlineData(Schedule.Linear, 1_000, 0)]
    [InlineData(Schedule.Step, 0, 0.5)]
    [InlineData(Schedule.Step, 499, 0.5)]
    [InlineData(Schedule.Step, 500, 0.05)]
    [InlineData(Schedule.Step, 749, 0.05)]
    [InlineData(Schedule.Step, 750, 0.005)]
    [InlineData(Schedule.Step, 999, 0.005)]
    [InlineData(Schedule.Constant, 0, 0.5)]
    [InlineData(Schedule.Constant, 999, 0.5)]
    public void The_learning_rate_goes_through_its_marks(Schedule schedule, int step, double expected) =>
        Assert.Equal(expected, LearningRates.At(schedule, 0.5, step, 1_000), 1e-12);

    [Fact]
    public void Cosine_is_the_formula_of_the_paper() =>
        Assert.All(Enumerable.Range(0, 100), step =>
            Assert.Equal(0.5 * 0.3 * (1 + Math.Cos(Math.PI * step / 100)), LearningRates.At(Schedule.Cosine, 0.3, step, 100), 1e-12));

    [Fact]
    public void One_cycle_rises_and_falls_along_a_cosine() =>
        Assert.All(Enumerable.Range(0, 100), step =>
        {
            double expected = step < 30
                ? 0.012 + (0.3 - 0.012) * (1 - Math.Cos(Math.PI * step / 30)) / 2
                : 0.3 * (1 + Math.Cos(Math.PI * (step - 30) / 70)) / 2;
            Assert.Equal(expected, LearningRates.At(Schedule.OneCycle, 0.3, step, 100), 1e-12);
        });

    [Theory]
    [InlineData(Schedule.OneCycle)]
    [InlineData(Schedule.Cosine)]
    [InlineData(Schedule.Linear)]
    [InlineData(Schedule.Step)]
    [InlineData(Schedule.Constant)]
    public void Every_step_of_the_shortest_run_has_a_positive_rate(Schedule schedule)
    {
        Assert.InRange(LearningRates.At(schedule, 1, 0, 1), 1e-3, 1);
        Assert.InRange(LearningRates.At(schedule, 1, 1, 2), 1e-3, 1);
    }
}
