namespace Cifar10Ps;

/// <summary>Kinds of errors that a caller can act on.</summary>
public enum ErrorKind
{
    /// <summary>An argument, or a combination of arguments, makes no sense.</summary>
    InvalidArgument,

    /// <summary>Data from outside (a file, a download) is not what it claims to be.</summary>
    InvalidData,

    /// <summary>A file, folder or address does not exist.</summary>
    NotFound,

    /// <summary>Something that exists cannot be read.</summary>
    ReadError,

    /// <summary>Something cannot be written.</summary>
    WriteError,

    /// <summary>A part of the machine is missing: a network, a device, a native library.</summary>
    ResourceUnavailable,
}

/// <summary>
/// The one exception that the engine throws on purpose: a stable id, a kind, and a message that says what is wrong and what to do.
/// </summary>
public sealed class EngineException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="errorId">A stable identifier, for scripts: <c>BatchFileWrongSize</c>.</param>
    /// <param name="kind">The category.</param>
    /// <param name="message">What is wrong and what to do about it, in one line; names in it may be untrusted.</param>
    /// <param name="innerException">The cause, if another exception is; dropped if it quotes control characters,
    /// which hosts would show.</param>
    public EngineException(string errorId, ErrorKind kind, string message, Exception? innerException = null)
        : base(DisplayText.Escape(message), IsSafe(innerException) ? innerException : null)
    {
        ErrorId = errorId;
        Kind = kind;
    }

    private static bool IsSafe(Exception? exception) => exception is null
        || (exception.Message.ReplaceLineEndings(" ") is var text && DisplayText.Escape(text) == text && IsSafe(exception.InnerException));

    /// <summary>The stable identifier.</summary>
    public string ErrorId { get; }

    /// <summary>The category.</summary>
    public ErrorKind Kind { get; }
}
