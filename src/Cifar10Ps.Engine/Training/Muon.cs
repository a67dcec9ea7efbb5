using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps;

/// <summary>
/// Muon's step of the convolutions: a layer's weights are one matrix [output, rest], and its step is the nearest matrix
/// to the momentum (Nesterov's) whose singular values are all about one, so that every direction is learned equally fast.
/// </summary>
/// <remarks>
/// K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. As in K. Jordan's
/// "94% on CIFAR-10 in 2.6 seconds", weights are held at a norm of √output instead of being decayed:
/// batch norm follows every convolution, so their scale means nothing but the size of a step.
/// </remarks>
internal sealed class Muon
{
    private const double Momentum = 0.6;

    /// <summary>Steps of the iteration; three are enough for singular values between about 0.6 and 1.2.</summary>
    private const int Iterations = 3;

    private readonly WorkerPool _pool;
    private readonly (long Offset, long Rows, long Columns)[] _matrices;

    /// <summary>Finds the convolutions of a network.</summary>
    /// <param name="weights">Its weights.</param>
    /// <param name="pool">Who computes; each matrix is one piece of work.</param>
    public Muon(NetworkWeights weights, WorkerPool pool)
    {
        _pool = pool;
        long[] lengths = [.. weights.LearnedViews.TakeWhile(view => view.dim() == 4).Select(view => view.numel())];
        Length = lengths.Sum();
        // The largest first, so that the workers end together.
        _matrices = [.. lengths.Select((length, i) => (lengths[..i].Sum(), weights.LearnedViews[i].shape[0], length / weights.LearnedViews[i].shape[0]))
            .OrderByDescending(matrix => matrix.Item2 * matrix.Item2 * matrix.Item3)];
    }

    /// <summary>Number of values in convolutions; they are the first of all.</summary>
    public long Length { get; }

    /// <summary>Changes the convolutions.</summary>
    /// <param name="parameters">All learned values, flat.</param>
    /// <param name="gradients">Their gradients, laid out alike; overwritten.</param>
    /// <param name="momenta">Their momenta, laid out alike.</param>
    /// <param name="learningRate">Size of the step, against weights of norm √output.</param>
    public void Step(Tensor parameters, Tensor gradients, Tensor momenta, double learningRate) => _pool.Run(_matrices.Length, (_, item) =>
    {
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        (long offset, long rows, long columns) = _matrices[item];
        Tensor weights = Matrix(parameters), gradient = Matrix(gradients), momentum = Matrix(momenta);
        momentum.MultiplyBy(Momentum).AddTensor(gradient);
        Tensor update = Orthogonalize(gradient.AddScaled(momentum, Momentum));
        weights.div_(weights.norm().AddNumber(1e-12)).MultiplyBy(Math.Sqrt(rows)).AddScaled(update, -learningRate);

        Tensor Matrix(Tensor all) => all.narrow(0, offset, rows * columns).view(rows, columns);
    });

    /// <summary>A matrix with the same singular vectors and singular values of about one, by Newton and Schulz's iteration.</summary>
    private static Tensor Orthogonalize(Tensor matrix)
    {
        bool isTall = matrix.shape[0] > matrix.shape[1];
        Tensor x = isTall ? matrix.t() : matrix;
        x = x.div_(x.norm().AddNumber(1e-7));
        for (int i = 0; i < Iterations; i++)
        {
            Tensor square = x.mm(x.t());
            x = x.addmm(square.addmm(square, square, beta: -4.7750f, alpha: 2.0315f), x, beta: 3.4445f, alpha: 1);
        }

        return isTall ? x.t() : x;
    }
}
