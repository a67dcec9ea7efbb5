using System.Globalization;
using System.Management.Automation;
using Cifar10Ps.Data;
using Cifar10Ps.Reporting;

namespace Cifar10Ps.Commands;

/// <summary>Shows images in the terminal, side by side, with their classes below.</summary>
[Cmdlet(VerbsCommon.Show, "Image", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(void))]
public sealed class ShowImageCommand : EngineCommand
{
    private const string ImageSet = "Image", PredictionSet = "Prediction", PathSet = "Path", LiteralPathSet = "LiteralPath";

    // Columns of an image among others, and of one alone.
    private const int Small = 24, Large = 64;

    // A file is not read larger than a terminal may show it.
    private const int FileLimit = 1024;

    private readonly List<(LabeledImage Image, string Label)> _waiting = [];
    private Terminal _terminal = null!;
    private TerminalProtocol _protocol;
    private bool _hasShown;

    /// <summary>Images of a data set.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public LabeledImage[] Image { get; set; } = [];

    /// <summary>Predictions of Invoke-Inference.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = PredictionSet)]
    [ValidateNotNull]
    public Prediction[] Prediction { get; set; } = [];

    /// <summary>Picture files; wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>Picture files, taken as they are.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>How the images are shown.</summary>
    [Parameter]
    public TerminalProtocol? Protocol { get; set; }

    /// <summary>Columns of each image.</summary>
    [Parameter]
    [ValidateRange(4, 500)]
    [NumberTransformation]
    public int? Width { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        _terminal = new Terminal(Host, SessionState);
        _protocol = Protocol ?? _terminal.Protocol;
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        foreach (LabeledImage image in Image)
            Add(image, image.HasKnownTruth ? image.LabelName : NameOf(image.Path));
        foreach (Prediction prediction in Prediction)
            Add(prediction.Image, Describe(prediction));
        bool isLiteral = ParameterSetName == LiteralPathSet;
        foreach (string file in ToExistingFiles(isLiteral ? LiteralPath : Path, isLiteral))
        {
            try
            {
                Add(ImageFile.LoadWhole(file, FileLimit), NameOf(file));
            }
            catch (EngineException e)
            {
                WriteError(ToErrorRecord(e, file));
            }
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (_waiting is not [])
            Show(Width ?? (_hasShown || _waiting.Count > 1 ? Small : Large));
    }

    private static string NameOf(string? path) => DisplayText.Escape(System.IO.Path.GetFileName(path) ?? "");

    private static string Describe(Prediction prediction) => string.Create(CultureInfo.CurrentCulture,
        $"{prediction.Class} {prediction.Confidence:P0}")
        + (prediction.IsCorrect is not bool right ? "" : right ? " ✓" : $" ✗ {prediction.LabelName}");

    private void Add(LabeledImage image, string label)
    {
        StopToken.ThrowIfCancellationRequested();
        _waiting.Add((image, label));
        // An image that may be the only one waits, to be shown large.
        if (_waiting.Count >= Math.Max(Width is null && !_hasShown ? 2 : 1, TerminalRow.Fit(_terminal.Width, Width ?? Small)))
            Show(Width ?? Small);
    }

    private void Show(int columns)
    {
        columns = Math.Min(columns, _terminal.Width);
        foreach ((LabeledImage, string)[] row in _waiting.Chunk(TerminalRow.Fit(_terminal.Width, columns)))
            Show(row, columns);
        _waiting.Clear();
        _hasShown = true;
    }

    private void Show((LabeledImage Image, string Label)[] row, int columns)
    {
        try
        {
            _terminal.Write(new TerminalRow(columns, _terminal.Height, _protocol, _terminal.WidthOf).Draw(row));
        }
        catch (EngineException) when (row.Length > 1)
        {
            // One of them cannot be read any more.
            foreach ((LabeledImage, string) image in row)
                Show([image], columns);
        }
        catch (EngineException e)
        {
            WriteError(ToErrorRecord(e, row[0].Image.Path));
        }
    }
}
