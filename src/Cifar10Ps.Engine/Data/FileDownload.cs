using System.Net;
using System.Net.Http.Headers;
using Cifar10Ps.Runtime;
using Polly;
using Polly.Retry;

namespace Cifar10Ps.Data;

/// <summary>Downloads a file over http in a few tries, each of which continues the part that is there.</summary>
/// <param name="address">An http or https address.</param>
/// <param name="path">The file. What it holds is taken for the beginning.</param>
/// <param name="limit">The number of bytes that the file has at most.</param>
internal sealed class FileDownload(Uri address, string path, long limit)
{
    /// <summary>How long a server may be silent.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Waits between tries and measures the rate.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Called on the caller's thread with the bytes so far and, if the server tells it, the total.</summary>
    public required Action<long, long?> Progress { get; init; }

    /// <summary>Called on the caller's thread with a sentence before each further try.</summary>
    public required Action<string> TryingAgain { get; init; }

    /// <summary>Downloads the file.</summary>
    /// <param name="cancellation">Ends the download, and a wait at once; the received part stays.</param>
    /// <returns>Whether the file was put together from parts, which may belong to different files.</returns>
    /// <exception cref="EngineException"><c>DownloadFailed</c>; the received part stays.</exception>
    public bool Run(CancellationToken cancellation)
    {
        using SocketsHttpHandler handler = new() { ConnectTimeout = Patience, AllowAutoRedirect = false };
        using HttpClient client = new(handler) { Timeout = Timeout.InfiniteTimeSpan };
        RetryStrategyOptions retries = new()
        {
            MaxRetryAttempts = 3,
            // 2, 4 and 8 seconds, without jitter, which sometimes makes a wait nearly nothing.
            BackoffType = DelayBackoffType.Exponential,
            Delay = TimeSpan.FromSeconds(2),
            ShouldHandle = failed =>
                ValueTask.FromResult(failed.Outcome.Exception is DownloadFault fault && fault.IsPassing(failed.AttemptNumber)),
            DelayGenerator = failed => ValueTask.FromResult((failed.Outcome.Exception as DownloadFault)?.Wait),
            OnRetry = next =>
            {
                TryingAgain($"The download stopped: {next.Outcome.Exception?.Message}. "
                    + $"It is tried again in {next.RetryDelay.TotalSeconds:N0} seconds.");
                return ValueTask.CompletedTask;
            },
        };
        try
        {
            return new ResiliencePipelineBuilder { TimeProvider = Clock }.AddRetry(retries).Build()
                .Execute(token => Try(client, token), cancellation);
        }
        catch (DownloadFault e)
        {
            throw new EngineException("DownloadFailed", ErrorKind.ResourceUnavailable,
                $"{WebAddress.Shown(address)} could not be downloaded: {e.Message}.", e.InnerException);
        }
    }

    /// <summary>Tries once; whether it continued a part.</summary>
    private bool Try(HttpClient client, CancellationToken cancellation)
    {
        using CancellationTokenSource silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            long have = File.Exists(path) ? new FileInfo(path).Length : 0;
            silence.CancelAfter(Patience);
            using HttpResponseMessage response = Redirection.Follow(client, address, have, silence.Token);
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable && have > 0)
            {
                // An earlier try received all of it.
                return true;
            }

            if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.PartialContent))
                throw DownloadFault.Of(response, Clock.GetUtcNow());
            bool isContinued = response.StatusCode == HttpStatusCode.PartialContent;
            if (isContinued && response.Content.Headers.ContentRange?.From != have)
            {
                File.Delete(path);
                throw new DownloadFault("the server sends another part than it was asked for", isPassing: true);
            }

            Receive(response, isContinued ? have : 0, silence);
            return isContinued && have > 0;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new DownloadFault($"no answer for {Patience.TotalSeconds} seconds", isPassing: true);
        }
        catch (HttpRequestException e)
        {
            throw DownloadFault.Of(e, e.HttpRequestError);
        }
    }

    /// <summary>Writes the body of an answer behind what is there.</summary>
    private void Receive(HttpResponseMessage response, long have, CancellationTokenSource silence)
    {
        HttpContentHeaders headers = response.Content.Headers;
        long? total = headers.ContentRange?.Length ?? have + headers.ContentLength;
        if (total > limit)
            throw TooMuch();
        using FileStream file = new(path, have > 0 ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.None);
        using Stream body = response.Content.ReadAsStream(silence.Token);
        MinimumRate rate = new(Clock);
        byte[] buffer = new byte[1 << 17];
        while (true)
        {
            silence.CancelAfter(Patience);
            int read = ReadPart(body, buffer, silence.Token);
            if (read == 0)
                break;
            have += read;
            if (have > limit)
                throw TooMuch();
            file.Write(buffer, 0, read);
            Progress(have, total);
            if (rate.IsMissed(read))
                throw new DownloadFault($"less than {MinimumRate.BytesPerSecond:N0} bytes a second arrived", isPassing: true);
        }

        if (total > have)
            throw new DownloadFault("the connection ended early", isPassing: true);

        static DownloadFault TooMuch() => new("the server sends more data than the archive has");
    }

    private static int ReadPart(Stream body, byte[] buffer, CancellationToken cancellation)
    {
        try
        {
            // Blocks here, so that progress is reported on the caller's thread.
            return body.ReadAsync(buffer, cancellation).AsTask().GetAwaiter().GetResult();
        }
        catch (IOException e)
        {
            // From the connection, not from the disk.
            throw DownloadFault.Of(e, (e as HttpIOException)?.HttpRequestError ?? HttpRequestError.Unknown);
        }
    }
}
