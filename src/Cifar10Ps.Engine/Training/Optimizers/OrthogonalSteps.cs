using Cifar10Ps.Execution;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Training;

/// <summary>
/// Muon's step of the convolutions: a layer's weights are one matrix [output, rest], and its step is the nearest matrix
/// to the momentum (Nesterov's) whose singular values are all about one, so that every direction is learned equally fast.
/// </summary>
/// <remarks>
/// K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. As in K. Jordan's "94% on CIFAR-10 in 2.6 seconds",
/// weights are held at a norm of √output instead of being decayed: batch norm follows every convolution, so their scale only affects the
/// relative size of a step. Where batch norm is frozen, that is not so, and they learn by gradient descent.
/// </remarks>
internal sealed class OrthogonalSteps
{
    private const double Momentum = 0.6;

    /// <summary>Steps of the iteration; three are enough for singular values between about 0.6 and 1.2.</summary>
    private const int Iterations = 3;

    /// <summary>Parts of the work that are about equal, at least: for as many workers.</summary>
    private const int MinimumParts = 8;

    private readonly WorkerPool _pool;
    private readonly (long Offset, long Count, long Rows, long Columns)[] _groups;

    /// <summary>Finds the convolutions of a network.</summary>
    /// <param name="weights">Its weights.</param>
    /// <param name="pool">The workers. Neighbours of the same shape are one piece of work, as far as all workers still get one.</param>
    public OrthogonalSteps(NetworkWeights weights, WorkerPool pool)
    {
        _pool = pool;
        Tensor[] matrices = [.. weights.LearnedViews.Take(weights.Network.NormedCount)];
        double limit = matrices.Sum(matrix => Work(matrix.shape[0], Columns(matrix))) / MinimumParts;
        List<(long Offset, long Count, long Rows, long Columns)> groups = [];
        foreach (Tensor matrix in matrices)
        {
            (long rows, long columns) = (matrix.shape[0], Columns(matrix));
            if (groups.Count > 0 && groups[^1] is var last && (last.Rows, last.Columns) == (rows, columns)
                && (last.Count + 1) * Work(rows, columns) <= limit)
                groups[^1] = last with { Count = last.Count + 1 };
            else
                groups.Add((Length, 1, rows, columns));
            Length += rows * columns;
        }

        // The largest first, so that the workers finish together.
        _groups = [.. groups.OrderByDescending(group => group.Count * Work(group.Rows, group.Columns))];

        static long Columns(Tensor matrix) => matrix.numel() / matrix.shape[0];
        static double Work(long rows, long columns) => (double)Math.Min(rows, columns) * rows * columns;
    }

    /// <summary>Number of values in convolutions that a batch norm follows; they come first.</summary>
    public long Length { get; }

    /// <summary>Changes the convolutions.</summary>
    /// <param name="parameters">All parameters, flat.</param>
    /// <param name="gradients">Their gradients, laid out alike; overwritten.</param>
    /// <param name="momenta">Their momenta, laid out alike.</param>
    /// <param name="learningRate">Size of the step, against weights of norm √output.</param>
    public void Step(Tensor parameters, Tensor gradients, Tensor momenta, double learningRate) => _pool.Run(_groups.Length, (_, item) =>
    {
        using WorkTrace.Scope trace = WorkTrace.Measure(WorkKind.Update, nameof(Step));
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        (long offset, long count, long rows, long columns) = _groups[item];
        Tensor weights = Matrices(parameters), gradient = Matrices(gradients), momentum = Matrices(momenta);
        momentum.MultiplyBy(Momentum).AddTensor(gradient);
        Tensor update = Orthogonalize(gradient.AddScaled(momentum, Momentum));
        // Not vector_norm, whose order is a number that nothing holds.
        Tensor norms = linalg.matrix_norm(weights, "fro", [1, 2], keepdim: true).AddNumber(1e-12);
        weights.div_(norms).MultiplyBy(Math.Sqrt(rows)).AddScaled(update, -learningRate);

        Tensor Matrices(Tensor all) => all.narrow(0, offset, count * rows * columns).view(count, rows, columns);
    });

    /// <summary>
    /// Matrices [count, rows, columns] with the same singular vectors and singular values of about one, by Newton and Schulz's
    /// iteration. It is a polynomial of the small square XXᵀ, so all iterations run on that, and the matrix itself is multiplied once.
    /// </summary>
    private static Tensor Orthogonalize(Tensor matrices)
    {
        bool isTall = matrices.shape[1] > matrices.shape[2];
        Tensor x = isTall ? matrices.mT : matrices;
        Tensor square = x.bmm(x.mT), diagonal = square.diagonal(0, 1, 2),
            scale = diagonal.sum(1, keepdim: true).unsqueeze(2).AddNumber(1e-14);
        square = square.div_(scale);
        Tensor? product = null;
        for (int i = 0; i < Iterations; i++)
        {
            Tensor factor = square.baddbmm(square, square, beta: -4.7750f, alpha: 2.0315f);
            factor.diagonal(0, 1, 2).AddNumber(3.4445);
            product = product is null ? factor : product.bmm(factor);
            if (i < Iterations - 1)
                square = factor.bmm(square).bmm(factor);
        }

        x = product!.bmm(x).div_(scale.sqrt_());
        return isTall ? x.mT : x;
    }
}
