using System.Management.Automation;
using Cifar10Ps.Layers;

namespace Cifar10Ps.Commands;

/// <summary>Makes a custom network to be trained, from a block of layer words.</summary>
[Cmdlet(VerbsCommon.New, "Network", DefaultParameterSetName = LayersOnly)]
[OutputType(typeof(ImageClassifier))]
public sealed class NewNetworkCommand : NetworkMakerCommand
{
    private const string LayersOnly = nameof(LayersOnly), ClassesFirst = nameof(ClassesFirst);

    /// <inheritdoc/>
    [Parameter(ParameterSetName = LayersOnly)]
    [Parameter(ParameterSetName = ClassesFirst, Position = 0)]
    [ClassesTransformation]
    [ValidateNotNullOrEmpty]
    public override string[] Classes { get; set; } = ["10"];

    /// <summary>The layers: a block of layer words.</summary>
    [Parameter(ParameterSetName = LayersOnly, Mandatory = true, Position = 0)]
    [Parameter(ParameterSetName = ClassesFirst, Mandatory = true, Position = 1)]
    [ValidateNotNull]
    public ScriptBlock Layers { get; set; } = null!;

    /// <summary>Width and height of the images in pixels.</summary>
    [Parameter]
    [ValidateRange(8, 1024)]
    [NumberTransformation]
    public int ImageSize { get; set; } = 32;

    /// <summary>Name of the network.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ValidateLength(1, 100)]
    public string Name { get; set; } = "Network";

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        string[] names = ClassNames();
        ImageClassifier.CheckClasses(names);
        try
        {
            Network network = new LayerBlock(Layers, names.Length, ImageSize).Read(Name, SessionState.Module);
            WriteObject(ImageClassifier.Create(network, names, Seed, ImageSize));
        }
        catch (LayerException e)
        {
            // The error is shown at the user's line instead of where the cmdlet is called.
            MyInvocation.DisplayScriptPosition = e.Extent;
            EngineException error = new("InvalidNetwork", ErrorKind.InvalidArgument, e.Message, e.InnerException);
            // Its message is complete, and the advice of this id is for models that exist.
            ThrowTerminatingError(new ErrorRecord(error, error.ErrorId, ErrorCategory.InvalidArgument, null));
        }
    }
}
