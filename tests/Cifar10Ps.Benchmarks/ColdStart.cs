using System.Diagnostics;
using Cifar10Ps.Reporting;

namespace Cifar10Ps.Benchmarks;

/// <summary>How much longer than an empty script one of the module takes in a new process of stock PowerShell: in milliseconds.</summary>
/// <param name="moduleDirectory">The module.</param>
internal sealed class ColdStart(string moduleDirectory)
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName, _import = $"Import-Module '{moduleDirectory}'";

    /// <summary>To the end of the import.</summary>
    public double Import() => Beyond(_import);

    /// <summary>To the first guesses for a picture file by a model from a file.</summary>
    public double FirstPrediction()
    {
        ModelFile.Save(Models.NewResNet20(ImageClassifier.PlaceholderClasses(10), 0), Path.Combine(_folder, "model.safetensors"));
        ClassFolders.Write(SyntheticImages.Create(10, 10).Train[0], Path.Combine(_folder, "picture.png"));
        return Beyond(_import + "; $guesses = Invoke-Inference $PSScriptRoot/model.safetensors $PSScriptRoot/picture.png");
    }

    private double Beyond(string script)
    {
        double beyond = Milliseconds(script) - Milliseconds("");
        Directory.Delete(_folder, recursive: true);
        return beyond;
    }

    private double Milliseconds(string script)
    {
        string file = Path.Combine(_folder, "script.ps1");
        File.WriteAllText(file, script);
        // A tool of this folder, restored by `dotnet tool restore`.
        ProcessStartInfo start = new("dotnet", ["pwsh", "-NoProfile", "-NonInteractive", "-File", file])
        {
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardOutput = true,
        };
        long begin = Stopwatch.GetTimestamp();
        using Process shell = Process.Start(start)!;
        _ = shell.StandardOutput.ReadToEnd();
        shell.WaitForExit();
        return shell.ExitCode == 0 ? Stopwatch.GetElapsedTime(begin).TotalMilliseconds
            : throw new InvalidOperationException($"'{script}' ended with {shell.ExitCode}.");
    }
}
