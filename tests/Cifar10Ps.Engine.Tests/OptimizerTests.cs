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
        using NetworkWeights weights = new(model.Architecture);
        weights.Load(model.Weights);
        using Optimizer ours = new(Recipes.Options(Recipe.Fast, kind) with { Momentum = 0.85, WeightDecay = weightDecay }, weights);

        TensorShape[] learned = [.. NetworkWeights.LearnedTensors(model.Architecture)];
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
            foreach ((Parameter parameter, (_, Tensor view)) in parameters.Zip(NetworkWeights.LearnedViewsOf(model.Architecture, gradients)))
                parameter.grad = view.clone();
            foreach (optim.Optimizer optimizer in theirs)
            {
                foreach (var group in optimizer.ParamGroups)
                    group.LearningRate = learningRate;
                optimizer.step();
            }

            ours.Step(gradients, learningRate, step);
        }

        foreach ((TensorShape tensor, Parameter parameter) in learned.Zip(parameters))
        {
            Assert.True(allclose(weights[tensor.Name], parameter, rtol: 1e-5, atol: 1e-6), tensor.Name);
            Assert.NotEqual(model.Weights[tensor.Name][0], weights[tensor.Name].flatten()[0].item<float>());
        }
    }

    private static optim.Optimizer Their(OptimizerKind kind, IEnumerable<Parameter> parameters, double weightDecay) => kind switch
    {
        OptimizerKind.Sgd => optim.SGD(parameters, 0.1, momentum: 0.85, weight_decay: weightDecay, nesterov: true),
        OptimizerKind.Adam => optim.Adam(parameters, 0.1, beta1: 0.85, weight_decay: weightDecay),
        _ => optim.AdamW(parameters, 0.1, beta1: 0.85, weight_decay: weightDecay),
    };
}
