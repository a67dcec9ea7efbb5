using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Cifar10Ps.Execution;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Training;

/// <summary>What has to be the same on all ranks of a run, by name.</summary>
internal static class RunFacts
{
    /// <summary>The facts of a run that is about to begin.</summary>
    /// <param name="model">What it begins with.</param>
    /// <param name="data">Its data.</param>
    /// <param name="state">Its state.</param>
    /// <param name="settings">Names and values of what else decides how it goes on.</param>
    public static Dictionary<string, string> Of(ModelSnapshot model, ImageDataset data, TrainingState state,
        params (string Name, object Value)[] settings)
    {
        Dictionary<string, string> facts = new(StringComparer.Ordinal)
        {
            ["build of the module"] = $"{typeof(RunFacts).Module.ModuleVersionId}",
            // The last bits of an optimizer's step depend on it, and what is computed in bf16.
            ["kind of processor"] = $"{RuntimeInformation.ProcessArchitecture}, vectors of {KernelSupport.Lanes} numbers"
                + (state.Options.Precision == Precision.BFloat16 ? $", {(Precisions.HasFastBFloat16 ? "" : "no ")}bf16" : ""),
            ["list of classes"] = string.Join(", ", model.Classes),
            ["number of training images"] = $"{data.Train.Count}",
            ["number of validation images"] = $"{data.Validation.Count}",
            ["fingerprint of the data"] = data.Fingerprint,
            ["network"] = NetworkJson.ToJson(model.Network),
            ["preprocessing"] = JsonSerializer.Serialize(model.Preprocessing, Json.Options),
            ["fingerprint of the weights"] = Fingerprint(model),
            ["number of steps done"] = $"{state.Step}",
        };
        foreach ((string name, object value) in settings)
            facts[name] = $"{value}";
        foreach (PropertyInfo option in typeof(TrainingOptions).GetProperties())
            facts[option.Name] = JsonSerializer.Serialize(option.GetValue(state.Options), Json.Options);
        return facts;
    }

    /// <summary>SHA-256 of the weights.</summary>
    public static string Fingerprint(ModelSnapshot model)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (LayerTensor tensor in model.Network.Tensors)
            hash.AppendData(MemoryMarshal.AsBytes(model.Weights[tensor.Name].AsSpan()));
        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
