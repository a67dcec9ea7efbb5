using Cifar10Ps.Execution;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using Cifar10Ps.Training;
using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace Cifar10Ps.Tests;

public class OptimizerTests
{
    [Theory]
    [InlineData(OptimizerKind.Sgd, 0.0)]
    [InlineData(OptimizerKind.Sgd, 0.1)]
    [InlineData(OptimizerKind.Adam, 0.0)]
    [InlineData(OptimizerKind.Adam, 0.1)]
    [InlineData(OptimizerKind.AdamW, 0.0)]
    [InlineData(OptimizerKind.AdamW, 0.1)]
    public void Five_steps_are_those_of_PyTorch_with_decay_on_weights_but_not_on_biases_and_norms(OptimizerKind kind, double weightDecay)
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        ImageClassifier model = RandomModel();
        using NetworkWeights weights = new(model.Network);
        weights.CopyFrom(model.Weights);
        using WorkerPool pool = new(2);
        using Optimizer ours =
            Optimizer.Create(Recipes.Options(Recipe.Fast, kind) with { Momentum = 0.85, WeightDecay = weightDecay }, weights, pool);

        LayerTensor[] learned = [.. model.Network.LearnedTensors];
        Parameter[] parameters = [.. learned.Select(t => nn.Parameter(weights[t.Name].detach().clone()))];
        optim.Optimizer[] theirs =
        [
            Their(kind, parameters.Where((_, i) => learned[i].Shape.Length > 1), weightDecay),
            Their(kind, parameters.Where((_, i) => learned[i].Shape.Length == 1), 0),
        ];

        for (int step = 1; step <= 5; step++)
        {
            double learningRate = 0.02 / step;
            Tensor gradients = torch.randn(weights.Learned.numel(), generator: new Generator((ulong)step));
            foreach ((Parameter parameter, (_, Tensor view)) in parameters.Zip(NetworkWeights.LearnedViewsOf(model.Network, gradients)))
                parameter.grad = view.clone();
            foreach (optim.Optimizer optimizer in theirs)
            {
                foreach (var group in optimizer.ParamGroups)
                    group.LearningRate = learningRate;
                optimizer.step();
            }

            ours.Step(gradients, learningRate, step);
        }

        foreach ((LayerTensor tensor, Parameter parameter) in learned.Zip(parameters))
        {
            Assert.True(allclose(weights[tensor.Name], parameter, rtol: 1e-5, atol: 1e-6), tensor.Name);
            Assert.NotEqual(model.Weights[tensor.Name][0], weights[tensor.Name].flatten()[0].item<float>());
        }
    }

    /// <summary>The orthogonal matrix nearest to U S Vᵀ is U Vᵀ.</summary>
    [Fact]
    public void Muon_takes_convolutions_of_fixed_norm_a_step_along_the_nearest_orthogonal_matrix_to_their_momentum()
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        const double LearningRate = 0.1, Momentum = 0.5;
        ImageClassifier model = RandomModel();
        using NetworkWeights weights = new(model.Network), before = new(model.Network);
        weights.CopyFrom(model.Weights);
        before.CopyFrom(model.Weights);
        using WorkerPool pool = new(2);
        using Optimizer optimizer =
            Optimizer.Create(Recipes.Options(Recipe.Fast, OptimizerKind.Muon) with { Momentum = Momentum }, weights, pool);
        Tensor gradients = torch.randn(weights.Learned.numel(), generator: new Generator(1));
        Tensor original = gradients.clone();

        optimizer.Step(gradients, LearningRate, step: 1);

        LayerTensor[] convolutions = [.. model.Network.LearnedTensors.Where(t => t.Shape.Length == 4)];
        Assert.Equal(21, convolutions.Length);
        Dictionary<string, Tensor> gradientOf =
            NetworkWeights.LearnedViewsOf(model.Network, original).ToDictionary(pair => pair.Tensor.Name, pair => pair.View);
        foreach (string name in convolutions.Select(t => t.Name))
        {
            Tensor old = before[name].flatten(1);
            Tensor taken = (old / old.norm() * Number(Math.Sqrt(old.shape[0])) - weights[name].flatten(1)) / Number(LearningRate);
            (Tensor u, _, Tensor v) = linalg.svd(gradientOf[name].flatten(1), fullMatrices: false);
            Tensor stretch = u.t().mm(taken).mm(v.t());
            Assert.True(allclose(stretch, stretch.diag().diag(), rtol: 0, atol: 5e-3), name);
            Assert.InRange(stretch.diag().min().item<float>(), 0.3f, 1.3f);
            Assert.InRange(stretch.diag().max().item<float>(), 0.6f, 1.3f);
        }

        // Nesterov's first step is (1 + momentum) times the gradient.
        Tensor bias = (before["fc.bias"] - weights["fc.bias"]) / gradientOf["fc.bias"];
        Assert.True(allclose(bias, ones_like(bias) * Number(2 * LearningRate * (1 + Momentum)), rtol: 1e-3));
    }

    [Fact]
    public void Muon_takes_the_backbone_at_its_own_rate_even_above_that_of_the_classifier()
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        ImageClassifier model = RandomModel();
        using WorkerPool pool = new(2);
        TrainingOptions options = Recipes.Options(Recipe.Fast, OptimizerKind.Muon) with { WeightDecay = 0 };
        using NetworkWeights slow = Step(0.01, null), fast = Step(0.05, null), both = Step(0.01, 0.05);

        Assert.Equal(NetworkWeights.CopyOut(fast["conv1.weight"]), NetworkWeights.CopyOut(both["conv1.weight"]));
        Assert.True(allclose(fast["bn1.weight"], both["bn1.weight"], rtol: 1e-5));
        Assert.Equal(NetworkWeights.CopyOut(slow["fc.weight"]), NetworkWeights.CopyOut(both["fc.weight"]));

        NetworkWeights Step(double rate, double? backboneRate)
        {
            NetworkWeights weights = new(model.Network);
            weights.CopyFrom(model.Weights);
            using Optimizer optimizer =
                Optimizer.Create(options with { LearningRate = rate, BackboneLearningRate = backboneRate }, weights, pool);
            optimizer.Step(torch.randn(weights.Learned.numel(), generator: new Generator(1)), rate, step: 1);
            return weights;
        }
    }

    [Fact]
    public void Muon_gives_the_same_bits_for_any_number_of_workers() =>
        Assert.Single(new[] { 1, 2, 3 }.Select(threads =>
        {
            Trainer trainer = Trainer.Start(NewModel(), TinyData, TinyOptions(OptimizerKind.Muon, epochs: 1), threads: threads);
            trainer.RunToEnd();
            return Fingerprint(trainer.Model);
        }).Distinct());

    private static optim.Optimizer Their(OptimizerKind kind, IEnumerable<Parameter> parameters, double weightDecay) => kind switch
    {
        OptimizerKind.Sgd => optim.SGD(parameters, 0.1, momentum: 0.85, weight_decay: weightDecay, nesterov: true),
        OptimizerKind.Adam => optim.Adam(parameters, 0.1, beta1: 0.85, weight_decay: weightDecay),
        _ => optim.AdamW(parameters, 0.1, beta1: 0.85, weight_decay: weightDecay),
    };
}
