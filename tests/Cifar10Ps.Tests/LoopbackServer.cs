using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Cifar10Ps.Tests;

/// <summary>A web server on this machine that gives every request the same answer, and may then keep clients waiting for more.</summary>
internal sealed class LoopbackServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<TcpClient> _waiting = [];
    private int _requests;

    public LoopbackServer(string header, byte[]? body = null, bool hangs = false)
    {
        _listener.Start();
        Address = new Uri($"http://{_listener.LocalEndpoint}/cifar-10-binary.tar.gz");
        _ = Task.Run(() => Serve(header, body ?? [], hangs));
    }

    public Uri Address { get; }

    public int Requests => _requests;

    public void Dispose()
    {
        _listener.Dispose();
        _waiting.ForEach(client => client.Dispose());
    }

    private async Task Serve(string header, byte[] body, bool hangs)
    {
        while (true)
        {
            TcpClient client = await _listener.AcceptTcpClientAsync();
            Interlocked.Increment(ref _requests);
            NetworkStream stream = client.GetStream();
            StreamReader request = new(stream);
            while (await request.ReadLineAsync() is { Length: > 0 })
            {
                // The head of the request, which has no body.
            }

            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {header}\r\nConnection: close\r\n\r\n"));
            await stream.WriteAsync(body);
            if (hangs)
                _waiting.Add(client);
            else
                client.Dispose();
        }
    }
}
