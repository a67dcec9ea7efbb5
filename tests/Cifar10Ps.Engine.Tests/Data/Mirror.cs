using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Cifar10Ps.Tests;

/// <summary>A web server on this machine that closes each connection after one answer.</summary>
internal sealed class Mirror : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    /// <param name="answers">The answers to the first, second … request; the last one is the answer to all others.</param>
    public Mirror(params Action<string, NetworkStream>[] answers)
    {
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/cifar-10-binary.tar.gz");
        new Thread(() => Serve(answers)) { IsBackground = true }.Start();
    }

    public Uri Address { get; }

    /// <summary>The heads of the requests.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    public void Dispose() => _listener.Dispose();

    /// <summary>Answers with a head and a body, and hangs up.</summary>
    public static Action<string, NetworkStream> Says(string head, byte[]? body = null) => (_, stream) =>
        Send(stream, $"HTTP/1.1 {head}\r\n\r\n", body);

    /// <summary>Answers with the whole file, whichever part is requested.</summary>
    public static Action<string, NetworkStream> Whole(byte[] content, string type = "application/gzip") =>
        Says($"200 OK\r\nContent-Type: {type}\r\nContent-Length: {content.Length}", content);

    /// <summary>Announces the whole file, sends half of it, and hangs up.</summary>
    public static Action<string, NetworkStream> Half(byte[] content) =>
        Says($"200 OK\r\nContent-Length: {content.Length}", content[..(content.Length / 2)]);

    /// <summary>Answers with the requested part of a file.</summary>
    public static Action<string, NetworkStream> Continuing(byte[] content) => (head, stream) =>
    {
        int at = head.IndexOf("Range: bytes=", StringComparison.Ordinal);
        int from = at < 0 ? 0 : int.Parse(head[(at + 13)..head.IndexOf('-', at)], CultureInfo.InvariantCulture);
        if (at < 0)
            Whole(content)(head, stream);
        else if (from >= content.Length)
            Send(stream, $"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{content.Length}\r\nContent-Length: 0\r\n\r\n");
        else
            Send(stream,
                $"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{content.Length - 1}/{content.Length}\r\n"
                + $"Content-Length: {content.Length - from}\r\n\r\n",
                content.AsSpan(from));
    };

    /// <summary>Sends something, and nothing more until the client hangs up.</summary>
    public static Action<string, NetworkStream> Hanging(string text) => (_, stream) =>
    {
        Send(stream, text);
        while (stream.ReadByte() >= 0)
        {
            // Clients that have sent their request say nothing.
        }
    };

    /// <summary>Sends something, and then something again and again until the client hangs up.</summary>
    public static Action<string, NetworkStream> Endless(string first, string again) => (_, stream) =>
    {
        Send(stream, first);
        while (true)
            Send(stream, again);
    };

    public static void Send(NetworkStream stream, string head, ReadOnlySpan<byte> body = default)
    {
        stream.Write(Encoding.ASCII.GetBytes(head));
        stream.Write(body);
    }

    private void Serve(Action<string, NetworkStream>[] answers)
    {
        try
        {
            for (int request = 0; ; request++)
            {
                Socket socket = _listener.AcceptSocket();
                Action<string, NetworkStream> answer = answers[Math.Min(request, answers.Length - 1)];
                // Each on its own thread: one that is kept waiting must not keep the next.
                new Thread(() => Answer(socket, answer)) { IsBackground = true }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // Disposed.
        }
    }

    private void Answer(Socket socket, Action<string, NetworkStream> answer)
    {
        using NetworkStream stream = new(socket, ownsSocket: true);
        StringBuilder head = new();
        try
        {
            while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && stream.ReadByte() is >= 0 and int next)
                head.Append((char)next);
            Requests.Enqueue(head.ToString());
            answer(head.ToString(), stream);
        }
        catch (IOException)
        {
            // The client hung up.
        }
    }
}
