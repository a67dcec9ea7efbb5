using System.Text.Json;
using Cifar10Ps.Formats;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Training;

/// <summary>
/// A saved run: the model, the optimizer's moments and the state of the run, as a safetensors file. It is also a model file; the moments
/// are named <c>optimizer.momentum.layer1.0.conv1.weight</c>, the state is JSON in the metadata.
/// </summary>
internal sealed record Checkpoint
{
    /// <summary>The key of the state in the metadata.</summary>
    public const string StateKey = "training_state";

    /// <summary>The model.</summary>
    public required ModelSnapshot Model { get; init; }

    /// <summary>The state of the run.</summary>
    public required TrainingState State { get; init; }

    /// <summary>The optimizer's moments, by their name; each like the parameters of <see cref="TrainingState.PartOf"/>.</summary>
    public required IReadOnlyDictionary<string, StateDict> Moments { get; init; }

    /// <summary>Approximate length of the checkpoints of a run, in bytes.</summary>
    public static long SizeOf(ModelSnapshot model, TrainingOptions options) => sizeof(float)
        * (model.Network.Tensors.Sum(tensor => (long)tensor.Length)
            + (long)Optimizer.MomentNames(options.Optimizer).Length * model.Network.ParameterCount);

    /// <summary>Writes a checkpoint.</summary>
    /// <exception cref="EngineException"><c>FileNotWritable</c>.</exception>
    public void Save(string path)
    {
        TensorFile file = new();
        ModelFile.Put(Model, file);
        file.Metadata[StateKey] = JsonSerializer.Serialize(State, Json.Options);
        foreach ((string moment, StateDict values) in Moments)
            foreach (LayerTensor tensor in State.PartOf(Model.Network).LearnedTensors)
                file.Tensors[$"{ModelFile.MomentPrefix}{moment}.{tensor.Name}"] = (tensor.Shape, values[tensor.Name]);
        Safetensors.Write(file, path);
    }

    /// <summary>Reads a checkpoint, or a snapshot of the original Chainer program.</summary>
    /// <exception cref="EngineException"><c>InvalidCheckpoint</c>, and those of <see cref="ModelFile.Load"/>.</exception>
    public static Checkpoint Load(string path)
    {
        TensorFile file = ChainerSnapshot.IsSnapshot(path) ? ChainerSnapshot.Read(path) : Safetensors.Read(path);
        try
        {
            if (!file.Metadata.TryGetValue(StateKey, out string? json))
                throw new InvalidDataException("it is a model without the state of a run");
            ModelSnapshot model = ModelFile.Take(file).Snapshot;
            TrainingState state = JsonSerializer.Deserialize<TrainingState>(json, Json.Options)
                ?? throw new InvalidDataException("its state is empty");
            if (state.Contradiction() is string contradiction)
                throw new InvalidDataException($"its state is not that of a run: {contradiction}");
            foreach ((string name, (_, float[] values)) in file.Tensors)
                if (!Array.TrueForAll(values, float.IsFinite))
                    throw new InvalidDataException($"it is damaged: the tensor '{name}' has values that are not numbers");
            // Checkpoints of earlier versions do not count the steps of the model.
            if (model.TrainedSteps == 0)
                model = model with { TrainedSteps = state.Step };
            string[] moments = Optimizer.MomentNames(state.Options.Optimizer);
            return new Checkpoint
            {
                Model = model,
                State = state,
                Moments = moments.ToDictionary(name => name, name => ReadMoment(file, state.PartOf(model.Network), name)),
            };
        }
        catch (Exception e)
            when (e is InvalidDataException or JsonException or NotSupportedException or InvalidOperationException or EngineException)
        {
            throw new EngineException("InvalidCheckpoint", ErrorKind.InvalidData,
                $"'{path}' is not a checkpoint that a run can resume from: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private static StateDict ReadMoment(TensorFile file, Network part, string moment)
    {
        StateDict values = new();
        foreach (LayerTensor tensor in part.LearnedTensors)
        {
            string name = $"{ModelFile.MomentPrefix}{moment}.{tensor.Name}";
            if (!file.Tensors.TryGetValue(name, out (int[] Shape, float[] Values) found) || !found.Shape.SequenceEqual(tensor.Shape))
                throw new InvalidDataException($"the tensor '{name}' is missing or has another shape");
            values[tensor.Name] = found.Values;
        }

        return values;
    }
}
