using System.Globalization;
using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Base class of cmdlets that make a member of a family of networks, from new weights or from trained ones.</summary>
public abstract class NewFamilyMemberCommand : NetworkMakerCommand
{
    /// <summary>A trained model to start from: its weights, except for the last layer if the classes differ,
    /// and its preprocessing.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ModelTransformation]
    [ValidateNotNull]
    public virtual ImageClassifier? InitialWeights { get; set; }

    /// <summary>The networks that the given parameters allow, the one to make first; none: any network is allowed.</summary>
    /// <param name="classes">Number of classes.</param>
    private protected abstract IEnumerable<Network> Allowed(int classes);

    /// <summary>Makes the network without initial weights.</summary>
    /// <param name="classes">Class names.</param>
    private protected abstract ImageClassifier Create(string[] classes);

    /// <inheritdoc/>
    protected sealed override void OnProcess()
    {
        if (InitialWeights is null)
        {
            string[] names = ClassNames();
            ImageClassifier.CheckClasses(names);
            WriteObject(Create(names));
            return;
        }

        try
        {
            Network found = InitialWeights.Network;
            Network[] allowed = [.. Allowed(found.ClassCount)];
            if (allowed.Length > 0 && !allowed.Any(found.HasSameLayers))
                throw new EngineException("NetworkMismatch", ErrorKind.InvalidArgument,
                    $"The initial weights are those of a {Described(found, allowed[0])}. "
                    + "New-ResNet -InitialWeights without other parameters of the network makes one that fits them.");
            WriteObject(InitialWeights.ForClasses(IsBound(nameof(Classes)) ? ClassNames() : InitialWeights.Classes, Seed));
        }
        catch (EngineException e)
        {
            WriteError(ToErrorRecord(e, InitialWeights));
        }

        // Networks for images of different sizes have the same name, and may have as many parameters.
        static string Described(Network network, Network wanted) =>
            network.ToString() != wanted.ToString() ? $"{network}, not of a {wanted}"
            : network.ParameterCount == wanted.ParameterCount ? $"{network} for images of another size"
            : string.Create(CultureInfo.CurrentCulture,
                $"{network} with {network.ParameterCount:N0} parameters, not of one with {wanted.ParameterCount:N0}");
    }
}
