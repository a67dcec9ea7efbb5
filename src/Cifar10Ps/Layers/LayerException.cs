using System.Management.Automation.Language;

namespace Cifar10Ps.Layers;

/// <summary>A mistake in a block of layers.</summary>
/// <param name="message">What is wrong, and in which line.</param>
/// <param name="extent">The place of the mistake in the user's script; null: it has none.</param>
/// <param name="innerException">The error of the user's code; null: a layer was refused.</param>
internal sealed class LayerException(string message, IScriptExtent? extent, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>The place of the mistake in the user's script; null: it has none.</summary>
    public IScriptExtent? Extent => extent;
}
