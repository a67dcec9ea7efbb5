namespace Cifar10Ps.Data;

/// <summary>Guards the reading of a tar against what would take endless time or memory.</summary>
/// <param name="inner">The tar.</param>
/// <param name="limit">The number of bytes that it has at most.</param>
internal sealed class LimitedTarStream(Stream inner, long limit) : Stream
{
    private const int HeaderLength = 512, SizeAt = 124, ChecksumAt = 148, ChecksumEnd = 156, KindAt = 156;

    private long _left = limit;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">There is too much of it, or a header claims so.</exception>
    public override int Read(Span<byte> buffer)
    {
        // All at once, so that headers, which TarReader asks for alone, are whole.
        int read = inner.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        _left -= read;
        return _left < 0 ? throw new InvalidDataException("it unpacks to more than CIFAR-10 holds.")
            : read == HeaderLength && ClaimsMuch(buffer[..read]) ? throw new InvalidDataException("it claims attributes of many megabytes.")
            : read;
    }

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>
    /// Whether it is the header of attributes or of a long name that claims 2 MB or more. TarReader allocates what is claimed, up to
    /// 2 GB, before it looks whether it is there.
    /// </summary>
    private static bool ClaimsMuch(ReadOnlySpan<byte> header)
    {
        if (!"xgLK"u8.Contains(header[KindAt]) || header.Slice(SizeAt, 4).IndexOfAnyExcept("0 \0"u8) < 0)
            return false;
        // What only looks like a header, because it is the content of a file, has no such checksum.
        int sum = (ChecksumEnd - ChecksumAt) * ' ', claimed = 0;
        for (int i = 0; i < HeaderLength; i++)
            if (i is < ChecksumAt or >= ChecksumEnd)
                sum += header[i];
            else if (header[i] is >= (byte)'0' and <= (byte)'7')
                claimed = claimed * 8 + header[i] - '0';
        return sum == claimed;
    }
}
