using System.Management.Automation;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Commands;

/// <summary>Gets the CIFAR-10 data set: from files, from the user's cache, or by download; or a synthetic one.</summary>
[Cmdlet(VerbsCommon.Get, "Cifar10", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(ImageDataset))]
public sealed class GetCifar10Command : EngineCommand
{
    private const string PathSet = "Path", LiteralPathSet = "LiteralPath", SyntheticSet = "Synthetic";

    /// <summary>A folder with the .bin files, or cifar-10-binary.tar.gz; or a pattern that matches one of them.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Path { get; set; }

    /// <summary>The folder or archive, taken as it is.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string? LiteralPath { get; set; }

    /// <summary>Where to download cifar-10-binary.tar.gz from.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [ValidateNotNull]
    [WebAddressTransformation]
    public Uri Uri { get; set; } = Cifar10Cache.PublishedAddress;

    /// <summary>Generates a small data set instead: no files, no network.</summary>
    [Parameter(ParameterSetName = SyntheticSet, Mandatory = true)]
    public SwitchParameter Synthetic { get; set; }

    /// <summary>How many training images to take: the first ones.</summary>
    [Parameter]
    [ValidateRange(1, Cifar10Reader.TrainCount)]
    [NumberTransformation]
    public int TrainCount { get; set; } = Cifar10Reader.TrainCount;

    /// <summary>How many test images to take: the first ones.</summary>
    [Parameter]
    [ValidateRange(1, Cifar10Reader.TestCount)]
    [NumberTransformation]
    public int TestCount { get; set; } = Cifar10Reader.TestCount;

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (Synthetic)
            WriteObject(SyntheticImages.Create(
                IsBound(nameof(TrainCount)) ? TrainCount : SyntheticImages.DefaultTrainCount,
                IsBound(nameof(TestCount)) ? TestCount : SyntheticImages.DefaultTestCount));
        else if (Locate() is string source)
            WriteObject(Cifar10Reader.Read(source, TrainCount, TestCount));
    }

    /// <summary>The first available source; null if the user declines the download.</summary>
    private string? Locate()
    {
        if (LiteralPath is not null)
            return ToFilePath(LiteralPath);
        if (Path is not null)
            return ToSingleFile(Path);
        if (Environment.GetEnvironmentVariable("CIFAR10PS_DATA") is { Length: > 0 } folder)
        {
            WriteVerbose($"Reading '{folder}', which CIFAR10PS_DATA names.");
            return ToFilePath(folder);
        }

        Cifar10Cache cache = Cifar10Cache.OfUser();
        string? damage = cache.IsFilled ? cache.FindDamage(TrainCount, TestCount, StopToken) : null;
        if (damage is not null)
            WriteWarning($"{damage}. CIFAR-10 has to be downloaded again.");
        if (!cache.IsFilled || damage is not null)
        {
            if (!ShouldProcess(cache.DataFolder, $"Download CIFAR-10 (170 MB) from {WebAddress.Shown(Uri)}"))
                return null;
            using ProgressReporter progress = new(this);
            cache.Download(Uri, (done, total) => progress.Report(() =>
                [ProgressReporter.Record(1, "Downloading CIFAR-10",
                    $"{done / 1e6:F0} MB{(total is long all ? $" of {all / 1e6:F0} MB" : "")}", done, total ?? 0)]),
                WriteVerbose, StopToken);
        }

        WriteVerbose($"Reading '{cache.DataFolder}'.");
        return cache.DataFolder;
    }
}
