using System.Management.Automation;
using System.Runtime.CompilerServices;
using Cifar10Ps.Commands;

namespace Cifar10Ps;

/// <summary>Accepts the path of a file where a model is expected: Import-Model reads it.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ModelTransformationAttribute : ArgumentTransformationAttribute
{
    private static readonly ConditionalWeakTable<ImageClassifier, string> Imported = [];

    /// <summary>Whether a model was read for an argument and has not been handed out, so that nobody else holds it.</summary>
    internal static bool IsImported(ImageClassifier model) => Imported.TryGetValue(model, out _);

    /// <summary>The file that a model was read from for an argument, as it was named; null: it was not.</summary>
    internal static string? FileOf(ImageClassifier model) => Imported.TryGetValue(model, out string? file) ? file : null;

    /// <summary>Notes that a command gives its model to others.</summary>
    internal static ImageClassifier HandedOut(ImageClassifier model)
    {
        Imported.Remove(model);
        return model;
    }

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            string { Length: > 0 } path => Import(engineIntrinsics, nameof(ImportModelCommand.Path), path),
            FileSystemInfo file => Import(engineIntrinsics, nameof(ImportModelCommand.LiteralPath), file.FullName),
            _ => inputData,
        };

    private static PSObject Import(EngineIntrinsics engine, string parameter, string path)
    {
        // Not by its name, which Import-Module -Prefix changes.
        using PowerShell shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        shell.AddCommand(new CmdletInfo("Import-Model", typeof(ImportModelCommand)))
            .AddParameter(parameter, path).AddParameter("ErrorAction", ActionPreference.Continue);
        PSObject[] models = [.. shell.Invoke()];
        foreach (WarningRecord warning in shell.Streams.Warning)
            engine.Host.UI.WriteWarningLine(warning.Message);
        if (shell.Streams.Error is [ErrorRecord error, ..])
            throw new ArgumentTransformationMetadataException($"{error}", error.Exception);
        if (models is not [{ BaseObject: ImageClassifier model }])
            throw new ArgumentTransformationMetadataException($"'{path}' matches {models.Length} models. Name one file.");
        Imported.Add(model, path);
        return models[0];
    }
}
