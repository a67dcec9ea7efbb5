namespace Cifar10Ps.Formats;

/// <summary>The type of the values in a storage.</summary>
/// <param name="Name">As <see cref="ElementType"/> has it.</param>
internal sealed record TorchType(string Name)
{
    /// <summary>Bytes of a value.</summary>
    public int Size => ElementType.SizeOf(Name);
}

/// <summary>A storage: a block of values that tensors are views of.</summary>
/// <param name="Type">The type of its values.</param>
/// <param name="Key">Where they are in the file.</param>
/// <param name="Start">Which of those values is its first.</param>
internal sealed record TorchStorage(TorchType Type, string Key, long Start);

/// <summary>A tensor as a pickle describes it: which values of a storage it has, not yet the values.</summary>
/// <param name="Storage">The storage.</param>
/// <param name="Offset">Its first value in the storage.</param>
/// <param name="Size">Sizes of its dimensions.</param>
/// <param name="Stride">For each dimension: how far apart neighbours are in the storage.</param>
internal sealed record TorchTensor(TorchStorage Storage, long Offset, int[] Size, long[] Stride)
{
    private const int DimensionLimit = 64;

    /// <summary>The tensor that <c>torch._utils._rebuild_tensor_v2(storage, offset, size, stride, …)</c> makes;
    /// opaque if its storage is.</summary>
    /// <exception cref="InvalidDataException">The arguments make none.</exception>
    public static object Rebuild(object?[] arguments)
    {
        // Its storage is unknown, or in a pickle within the pickle.
        if (arguments is [PickleObject, ..])
            return new PickleObject(new PickleGlobal("torch._utils", "_rebuild_tensor_v2"), arguments);
        if (arguments is not [TorchStorage storage, long and >= 0 and long offset, object?[] size, object?[] stride, ..]
            || size.Length != stride.Length || size.Length > DimensionLimit
            || size.Any(s => s is not (long and >= 0 and <= int.MaxValue)) || stride.Any(s => s is not (long and >= 0)))
            throw new InvalidDataException("the pickle makes a tensor from something that is not one");
        return new TorchTensor(storage, offset, [.. size.Select(s => (int)(long)s!)], [.. stride.Select(s => (long)s!)]);
    }

    /// <summary>Number of values; if there are more than the limit, any number above it.</summary>
    public long Count(long limit)
    {
        long count = 1;
        foreach (int size in Size)
            count = Math.Min(count * size, limit + 1);
        return count;
    }

    private bool IsContiguous()
    {
        long next = 1;
        for (int d = Size.Length - 1; d >= 0; d--)
        {
            if (Size[d] != 1 && Stride[d] != next)
                return false;
            next *= Size[d];
        }

        return true;
    }

    /// <summary>The values in row-major order.</summary>
    /// <param name="storage">The bytes of the whole storage.</param>
    /// <param name="count">Their number.</param>
    /// <param name="isBigEndian">Whether values are big-endian.</param>
    /// <exception cref="InvalidDataException">They lie outside the storage.</exception>
    public float[] Gather(ReadOnlySpan<byte> storage, int count, bool isBigEndian)
    {
        int size = Storage.Type.Size;
        Int128 last = (Int128)Storage.Start + Offset;
        for (int d = 0; d < Size.Length; d++)
            last += (Int128)(Size[d] - 1) * Stride[d];
        if (count > 0 && last >= storage.Length / size)
            throw new InvalidDataException("its values lie outside their storage");

        // Nearly all tensors are contiguous.
        if (IsContiguous() && !isBigEndian)
            return count == 0
                ? [] : ElementType.ToSingles(Storage.Type.Name, storage.Slice((int)(Storage.Start + Offset) * size, count * size));
        if ((long)count * size > Array.MaxLength)
            throw new InvalidDataException("it repeats more values than memory can hold");
        byte[] values = new byte[count * size];
        int[] index = new int[Size.Length];
        long position = Storage.Start + Offset;
        for (int i = 0; i < count; i++)
        {
            Span<byte> value = values.AsSpan(i * size, size);
            storage.Slice((int)position * size, size).CopyTo(value);
            if (isBigEndian)
                value.Reverse();
            // Like an odometer: the last dimension first, and the one before it when that wraps around.
            for (int d = Size.Length - 1; d >= 0; d--)
            {
                position += Stride[d];
                if (++index[d] < Size[d])
                    break;
                position -= index[d] * Stride[d];
                index[d] = 0;
            }
        }

        return ElementType.ToSingles(Storage.Type.Name, values);
    }
}
