using System.Net;

namespace Cifar10Ps.Data;

/// <summary>Why one try of a download failed, and whether another may succeed.</summary>
/// <param name="why">The rest of a sentence, without a full stop; no part of the address.</param>
/// <param name="isPassing">Whether the reason may be gone soon.</param>
/// <param name="wait">How long the server asks to wait.</param>
/// <param name="cause">The cause, if another exception is.</param>
internal sealed class DownloadFault(string why, bool isPassing = false, TimeSpan? wait = null, Exception? cause = null)
    : Exception(why, cause)
{
    // Whoever is sent away for longer had better come back later himself.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    /// <summary>How long the server asks to wait; null if it does not say.</summary>
    public TimeSpan? Wait => wait;

    /// <summary>Whether another try may succeed.</summary>
    /// <param name="tries">How many tries there were before this one.</param>
    public bool IsPassing(int tries) => isPassing && !(wait > LongestWait)
        // Where nobody answered from the start, the address is wrong or the machine offline. Later, the connection is lost.
        && (tries > 0 || InnerException is not HttpRequestException
            { HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError });

    /// <summary>A failure of the connection or of the protocol.</summary>
    public static DownloadFault Of(Exception failure, HttpRequestError kind) =>
        new(failure.Message.TrimEnd('.'), kind is HttpRequestError.Unknown or HttpRequestError.NameResolutionError
            or HttpRequestError.ConnectionError or HttpRequestError.ResponseEnded, null, failure);

    /// <summary>An answer that is not the file.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="now">The time.</param>
    public static DownloadFault Of(HttpResponseMessage response, DateTimeOffset now)
    {
        int code = (int)response.StatusCode;
        TimeSpan? wait = response.Headers.RetryAfter is { } after ? after.Delta ?? after.Date - now : null;
        if (wait < TimeSpan.Zero)
            wait = TimeSpan.Zero;
        string why = $"the server answers {code} {DisplayText.Name(response.ReasonPhrase ?? "")}".TrimEnd();
        return new(wait > LongestWait ? $"{why} and asks to wait {wait.Value.TotalMinutes:N0} minutes" : why,
            response.StatusCode is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || code >= 500, wait);
    }
}
