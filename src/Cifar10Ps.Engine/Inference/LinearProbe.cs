using System.Runtime.InteropServices;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Inference;

/// <summary>A linear classifier of features, fitted in seconds: softmax regression with a quadratic penalty, by accelerated gradient
/// descent on standardised features.</summary>
/// <remarks>Y. Nesterov, 1983; for a strongly convex function, with a constant momentum.</remarks>
internal static class LinearProbe
{
    /// <summary>How many times it has the features in memory.</summary>
    public const int Copies = 2;

    private const double Penalty = 0.01;
    private const int Steps = 200, PowerSteps = 20;

    /// <summary>Learns from features and judges others.</summary>
    /// <param name="features">Features to learn from, at least one.</param>
    /// <param name="labels">Their classes.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="judged">Other features.</param>
    /// <param name="cancellation">Ends the computation.</param>
    /// <returns>For each of the others: a logit for each class.</returns>
    public static float[][] Logits(float[][] features, int[] labels, int classes, float[][] judged, CancellationToken cancellation)
    {
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor x = WithConstant(features), values = Values(x), mean = values.mean([0], keepdim: true);
        values.sub_(mean);
        Tensor scale;
        using (Tensor squares = values * values)
            scale = squares.mean([0], keepdim: true).sqrt().AddNumber(1e-6);
        values.div_(scale);
        Tensor targets = zeros(features.Length, classes)
            .scatter(1, tensor(labels, int64).unsqueeze(1), ones(features.Length, classes));
        // The curvature is at most half of the largest eigenvalue of the features, and the penalty.
        double highest = 0.5 * LargestEigenvalue(x) + Penalty, root = Math.Sqrt(highest / Penalty), momentum = (root - 1) / (root + 1);
        Tensor weight = zeros(x.shape[1], classes), ahead = weight;
        for (int step = 0; step < Steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope inner = NewDisposeScope();
            Tensor gradient = x.t().matmul(x.matmul(ahead).softmax(1) - targets)
                .DivideBy(features.Length).AddScaled(ahead, Penalty);
            Tensor next = ahead - gradient.DivideBy(highest);
            ahead = (next - weight).MultiplyBy(momentum).AddTensor(next).MoveToOuterDisposeScope();
            weight = next.MoveToOuterDisposeScope();
        }

        Tensor others = WithConstant(judged);
        Values(others).sub_(mean).div_(scale);
        return [.. MemoryMarshal.Cast<byte, float>(others.matmul(weight).bytes).ToArray().Chunk(classes)];
    }

    /// <summary>Features, and behind them a one, for the bias.</summary>
    private static Tensor WithConstant(float[][] features) => Rows.Of(features.Length, features[0].Length + 1, (i, row) =>
    {
        features[i].CopyTo(row);
        row[^1] = 1;
    });

    /// <summary>The features alone; they share the memory.</summary>
    private static Tensor Values(Tensor withConstant) => withConstant.narrow(1, 0, withConstant.shape[1] - 1);

    /// <summary>That of the mean outer product of the rows, a little too large, by the power method.</summary>
    private static double LargestEigenvalue(Tensor rows)
    {
        Tensor vector = ones(rows.shape[1], 1), product = vector;
        for (int i = 0; i < PowerSteps; i++)
        {
            product = rows.t().matmul(rows.matmul(vector)).DivideBy(rows.shape[0]);
            vector = product / product.norm();
        }

        return 1.1 * MemoryMarshal.Read<float>(product.norm().bytes);
    }
}
