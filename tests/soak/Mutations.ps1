# What Mutate.ps1 damages, and how.

# One to three changes, a third of them near the start and a third near the end, where formats have their structure.
function Edit-Bytes([byte[]] $Bytes, [Random] $Random) {
    for ($changes = 1 + $Random.Next(3) * $Random.Next(2); $changes -gt 0 -and $Bytes.Length -gt 16; $changes--) {
        $n = $Bytes.Length
        $at = switch ($Random.Next(3)) {
            0 { $Random.Next([Math]::Min($n, 300)) }
            1 { $n - 1 - $Random.Next([Math]::Min($n, 600)) }
            2 { $Random.Next($n) }
        }
        $count = 1 + $Random.Next([Math]::Min(64, $n - $at))
        $other = $Random.Next($n - $count + 1)
        $block = [byte[]]::new($count)
        [Array]::Copy($Bytes, $at, $block, 0, $count)
        $Bytes = [byte[]] $Bytes.Clone()
        switch ($Random.Next(12)) {
            { $_ -in 0, 10 } { $Bytes[$at] = $Bytes[$at] -bxor (1 -shl $Random.Next(8)) }
            1 { $Bytes[$at] = 0, 255 | Get-Random -SetSeed $Random.Next() }
            2 { [Array]::Fill($Bytes, [byte] (255 * $Random.Next(2)), $at, $count) }
            3 { $Bytes = Join-Bytes $Bytes $at ([byte[]]::new(0)) $n }
            4 { $Random.NextBytes($block); $Bytes = Join-Bytes $Bytes $n $block $n }
            5 { $Bytes = Join-Bytes $Bytes $other $block $other }
            6 { [Array]::Copy($Bytes, $other, $Bytes, $at, $count); [Array]::Copy($block, 0, $Bytes, $other, $count) }
            7 { $Bytes = Join-Bytes $Bytes $at ([byte[]]::new(0)) ($at + $count) }
            8 {
                $value = @(0L, -1L, [int]::MaxValue, [int]::MinValue, [long]::MaxValue, [long]::MinValue, 0xffffffffL, 65535L, 32768L)
                $extreme = [BitConverter]::GetBytes([long] $value[$Random.Next($value.Count)])
                $size = [Math]::Min((2, 4, 8)[$Random.Next(3)], $n - $at)
                $extreme = $extreme[0..($size - 1)]
                if ($Random.Next(2)) { [Array]::Reverse($extreme) }
                [Array]::Copy([byte[]] $extreme, 0, $Bytes, $at, $size)
            }
            { $_ -in 9, 11 } { $text = '0123456789-.eE"{}[],:'; $Bytes[$at] = [byte] $text[$Random.Next($text.Length)] }
        }
    }
    , $Bytes
}

# The bytes before one place, others, and the bytes from another place on.
function Join-Bytes([byte[]] $Bytes, [int] $End, [byte[]] $Between, [int] $Start) {
    $joined = [byte[]]::new($End + $Between.Length + $Bytes.Length - $Start)
    [Array]::Copy($Bytes, $joined, $End)
    $Between.CopyTo($joined, $End)
    [Array]::Copy($Bytes, $Start, $joined, $End + $Between.Length, $Bytes.Length - $Start)
    , $joined
}

# A file of this module without its hashes, as if another program had written it; or without other keys of its metadata.
function Remove-Seal([byte[]] $Bytes, [string[]] $Keys = @('cifar10ps_', 'weights_sha256')) {
    $text = [Text.Encoding]::Latin1.GetString($Bytes)
    foreach ($key in $Keys) { $text = $text.Replace($key, 'x' * $key.Length) }
    , [Text.Encoding]::Latin1.GetBytes($text)
}

# The entries of an archive, each as name and bytes, changed by a script and packed again.
function Edit-Entries([byte[]] $Bytes, [scriptblock] $Change) {
    $packed = [IO.MemoryStream]::new()
    $source = [IO.Compression.ZipArchive]::new([IO.MemoryStream]::new($Bytes))
    $target = [IO.Compression.ZipArchive]::new($packed, 'Create', $true)
    $entries = [ordered]@{}
    foreach ($entry in $source.Entries) {
        $content, $stream = [IO.MemoryStream]::new(), $entry.Open()
        $stream.CopyTo($content)
        $entries[$entry.FullName] = $content.ToArray()
    }
    $entries = & $Change $entries
    foreach ($name in $entries.Keys) {
        $stream = $target.CreateEntry($name, 'Fastest').Open()
        $stream.Write($entries[$name], 0, $entries[$name].Length)
        $stream.Dispose()
    }
    $target.Dispose()
    , $packed.ToArray()
}

# Damages one entry, behind the checksums.
function Edit-Zip([byte[]] $Bytes, [Random] $Random) {
    , (Edit-Entries $Bytes {
            param($entries)
            $name = @($entries.Keys)[$Random.Next($entries.Count)]
            # The pickle of PyTorch's archives is the most intricate.
            if ($Random.Next(2)) { $name = @($entries.Keys -like '*data.pkl') + $name | Select-Object -First 1 }
            $entries[$name] = Edit-Bytes $entries[$name] $Random
            $entries
        })
}

# Arrays without values, which are quick to pack and unpack.
function ConvertTo-Empty([byte[]] $Npz) {
    , (Edit-Entries $Npz {
            param($entries)
            foreach ($name in @($entries.Keys)) {
                $head = 10 + [BitConverter]::ToUInt16($entries[$name], 8)
                [Array]::Clear($entries[$name], $head, $entries[$name].Length - $head)
            }
            $entries
        })
}

# A snapshot of the original program, before its first step, from a model.
function ConvertTo-Snapshot([byte[]] $Npz) {
    , (Edit-Entries (ConvertTo-Empty $Npz) {
            param($entries)
            $zero, $list = $entries['bn2/N.npy'], $entries['fc7/b.npy']
            $shape = "{'descr': '<U2', 'fortran_order': False, 'shape': (), }".PadRight(117) + "`n"
            $text = [byte[]] (0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0) + [Text.Encoding]::Latin1.GetBytes($shape) +
                [Text.Encoding]::UTF32.GetBytes('[]')
            $snapshot = [ordered]@{ 'updater/iteration.npy' = $zero; 'updater/iterator:main/order.npy' = $list
                'updater/iterator:main/epoch.npy' = $zero; 'updater/iterator:main/current_position.npy' = $zero
                'extensions/LogReport/_log.npy' = $text }
            foreach ($name in $entries.Keys) {
                $snapshot["updater/model:main/predictor/$name"] = $entries[$name]
                $moment = "updater/optimizer:main/predictor/$($name -replace '\.npy$')"
                $snapshot["$moment/t.npy"], $snapshot["$moment/m.npy"], $snapshot["$moment/v.npy"] =
                    $zero, $entries[$name], $entries[$name]
            }
            $snapshot
        })
}

# A picture in all formats, encoded with the module's own library.
function Get-Pictures([string] $Path) {
    $skia = [AppDomain]::CurrentDomain.GetAssemblies() | Where-Object { $_.GetName().Name -eq 'SkiaSharp' } | Select-Object -First 1
    $bitmap = $skia.GetType('SkiaSharp.SKBitmap')::Decode($Path)
    foreach ($format in 'Png', 'Jpeg', 'Webp') {
        $content = $bitmap.Encode($skia.GetType('SkiaSharp.SKEncodedImageFormat')::$format, 80).ToArray()
        @{ Name = "picture.$($format.ToLowerInvariant())"; Content = $content }
    }
    # 16 x 16 black pixels, and a single white one.
    $bmp = [byte[]]::new(54 + 3 * 256)
    $bmp[0], $bmp[1] = 0x42, 0x4d
    foreach ($field in @((2, $bmp.Length), (10, 54), (14, 40), (18, 16), (22, 16), (26, (1 + (24 -shl 16))))) {
        [BitConverter]::GetBytes([int] $field[1]).CopyTo($bmp, $field[0])
    }
    @{ Name = 'picture.bmp'; Content = $bmp }
    @{ Name = 'picture.gif'; Content = [Convert]::FromBase64String('R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs=') }
}

$batchNames = @(1..5 | ForEach-Object { "data_batch_$_.bin" }) + 'test_batch.bin'

# CIFAR-10's archive, whose files are of any length, unpacked.
function Get-Archive([int] $Length) {
    $content = [IO.MemoryStream]::new()
    $tar = [Formats.Tar.TarWriter]::new($content, $true)
    foreach ($name in $batchNames) {
        $entry = [Formats.Tar.PaxTarEntry]::new('RegularFile', "cifar-10-batches-bin/$name")
        $entry.DataStream = [IO.MemoryStream]::new([byte[]]::new($Length))
        $tar.WriteEntry($entry)
    }
    $tar.Dispose()
    , $content.ToArray()
}

function Compress-Bytes([byte[]] $Bytes) {
    $packed = [IO.MemoryStream]::new()
    $stream = [IO.Compression.GZipStream]::new($packed, [IO.Compression.CompressionLevel]::Fastest)
    $stream.Write($Bytes, 0, $Bytes.Length)
    $stream.Dispose()
    , $packed.ToArray()
}

# A folder of CIFAR-10 with one file damaged; the others are holes on the disk.
function New-BatchFolder([string] $Damaged) {
    $folder = "$(Split-Path $Damaged)/batches"
    $null = New-Item $folder -ItemType Directory -Force
    foreach ($name in $batchNames) {
        $file = [IO.File]::OpenWrite("$folder/$name")
        $file.SetLength(30730000)
        $file.Dispose()
    }
    Copy-Item $Damaged $folder
    $folder
}
