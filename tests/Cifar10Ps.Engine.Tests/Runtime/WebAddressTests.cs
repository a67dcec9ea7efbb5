using System.Text;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Tests;

public sealed class WebAddressTests
{
    [Theory]
    [InlineData("https://host/a/b.tar.gz", "https://host/a/b.tar.gz")]
    [InlineData("http://user:s3cret@host:8080/a/@b?token=s3cret#s3cret", "http://host:8080/a/@b")]
    [InlineData("http://us%40er:s3%2Fcret@host/a", "http://host/a")]
    [InlineData("http://s3cret@host/", "http://host/")]
    [InlineData("ftp://user:s3cret@host/a", "host/a")]
    [InlineData("user:s3cret@host/a?token=s3cret", "host/a")]
    [InlineData("//user:s3cret@host/a", "host/a")]
    [InlineData("a.tar.gz", "a.tar.gz")]
    public void What_is_shown_of_an_address_holds_no_secret(string address, string shown) =>
        Assert.Equal(shown, WebAddress.Shown(new Uri(address, UriKind.RelativeOrAbsolute)));

    [Theory]
    [InlineData("http://user:s3cret@host/", "user:s3cret")]
    [InlineData("http://us%40er:s3%2Fcr%3Aet@host/", "us@er:s3/cr:et")]
    [InlineData("http://user@host/", "user:")]
    [InlineData("http://host/", null)]
    public void Name_and_password_are_sent_as_they_are_meant(string address, string? pair)
    {
        var credentials = WebAddress.Credentials(new Uri(address));

        Assert.Equal(pair is null ? null : "Basic", credentials?.Scheme);
        Assert.Equal(pair, credentials is null ? null : Encoding.UTF8.GetString(Convert.FromBase64String(credentials.Parameter!)));
    }
}
