using System.Net;
using Cifar10Ps.Data;

namespace Cifar10Ps.Tests;

/// <summary>Redirections from https, for which there is no server here.</summary>
public sealed class RedirectionTests
{
    [Theory]
    [InlineData("http://host/b")]
    [InlineData("http://elsewhere/b")]
    public void Https_does_not_become_http(string location)
    {
        Web web = new() { ["https://host/a"] = location };

        DownloadFault fault = Assert.Throws<DownloadFault>(() => Follow(web, "https://host/a"));

        Assert.Contains("from https to http", fault.Message, StringComparison.Ordinal);
        Assert.Single(web.Requests);
    }

    [Theory]
    [InlineData("https://user:s3cret@host/a", "/b")]
    [InlineData("https://user:s3cret@host/a", "https://elsewhere/b")]
    [InlineData("http://user:s3cret@host/a", "https://host/b")]
    public void Https_leads_to_https_with_the_password_only_where_the_server_is_not_named(string address, string location)
    {
        Web web = new() { [address] = location };

        using HttpResponseMessage response = Follow(web, address);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Uri.UriSchemeHttps, response.RequestMessage!.RequestUri!.Scheme);
        Assert.Equal([true, location == "/b"], web.Requests.Select(request => request.Headers.Authorization is not null));
    }

    private static HttpResponseMessage Follow(Web web, string address)
    {
        using HttpClient client = new(web);
        return Redirection.Follow(client, new Uri(address), 0, CancellationToken.None);
    }

    /// <summary>Redirects from some addresses to others; all others have the file.</summary>
    private sealed class Web : HttpMessageHandler
    {
        private readonly Dictionary<string, string> _locations = [];

        public List<HttpRequestMessage> Requests { get; } = [];

        public string this[string address] { set => _locations[address] = value; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Requests.Add(request);
            HttpResponseMessage response = new() { RequestMessage = request };
            if (_locations.TryGetValue(request.RequestUri!.OriginalString, out string? location))
            {
                response.StatusCode = HttpStatusCode.Found;
                response.Headers.Location = new Uri(location, location[0] == '/' ? UriKind.Relative : UriKind.Absolute);
            }

            return Task.FromResult(response);
        }
    }
}
