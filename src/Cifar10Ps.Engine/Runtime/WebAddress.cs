using System.Net.Http.Headers;
using System.Text;

namespace Cifar10Ps.Runtime;

/// <summary>Keeps the secrets of an address out of messages: a name and a password before the host, a token in the query.</summary>
internal static class WebAddress
{
    /// <summary>Whether it is an http or https address.</summary>
    public static bool IsWeb(Uri address) =>
        address.IsAbsoluteUri && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps);

    /// <summary>The address for a message: without name, password, query and fragment.</summary>
    public static string Shown(Uri address)
    {
        if (IsWeb(address))
            return address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        // Mistyped: what stands before an @ may be a password, whatever the rest is.
        string text = address.OriginalString;
        return text[(text.LastIndexOf('@') + 1)..].Split('?', '#')[0];
    }

    /// <summary>The name and password of an address for the server (RFC 7617); null if it has none.</summary>
    public static AuthenticationHeaderValue? Credentials(Uri address)
    {
        if (address.UserInfo.Length == 0)
            return null;
        string pair = Uri.UnescapeDataString(address.UserInfo);
        if (!pair.Contains(':', StringComparison.Ordinal))
            pair += ":";
        return new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
    }
}
