using System.Net;
using System.Net.Http.Headers;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Data;

/// <summary>
/// Follows redirections from web address to web address. HttpClient would follow others too, and talk to a mail server or to a printer
/// if it is told to.
/// </summary>
internal static class Redirection
{
    // As many as curl and browsers follow at least.
    private const int MostHops = 20;

    /// <summary>Asks for a file, wherever it has gone to.</summary>
    /// <param name="client">A client that does not follow redirections itself.</param>
    /// <param name="address">The address of the file.</param>
    /// <param name="from">The first byte that is wanted.</param>
    /// <param name="cancellation">Ends the request.</param>
    /// <exception cref="DownloadFault">A redirection cannot be followed. Its address, which may hold a token, is not in the message.
    /// </exception>
    public static HttpResponseMessage Follow(HttpClient client, Uri address, long from, CancellationToken cancellation)
    {
        for (int hop = 0; hop <= MostHops; hop++)
        {
            using HttpRequestMessage request = new(HttpMethod.Get, address);
            // They belong to the address: a relative redirection keeps them, and one to another server does not get them.
            request.Headers.Authorization = WebAddress.Credentials(address);
            if (from > 0)
                request.Headers.Range = new RangeHeaderValue(from, null);
            HttpResponseMessage response = client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation)
                .GetAwaiter().GetResult();
            if (response.StatusCode is not (HttpStatusCode.MultipleChoices or HttpStatusCode.Moved or HttpStatusCode.Redirect
                or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect))
                return response;
            using (response)
                address = Target(address, response.Headers.Location);
        }

        throw new DownloadFault("the server redirects without end");
    }

    private static Uri Target(Uri from, Uri? location)
    {
        if (location is null)
            throw new DownloadFault("the server redirects to nowhere");
        if (!Uri.TryCreate(from, location, out Uri? to))
            throw new DownloadFault("the server redirects to something that is no address");
        if (!WebAddress.IsWeb(to))
            throw new DownloadFault($"the server redirects to an address that begins with '{DisplayText.Name(to.Scheme)}:'");
        if (from.Scheme == Uri.UriSchemeHttps && to.Scheme != Uri.UriSchemeHttps)
            throw new DownloadFault("the server redirects from https to http");
        return to;
    }
}
